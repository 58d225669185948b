"""Recipes of pools: which images of a data set play which part.

Every operator but `split` changes another pool, so that they combine: a long tail of a mixed pool
is two recipes of three lines.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, field_validator

from coldstart.config.recipes.datasets import Described
from coldstart.config.recipes.model import Count, Model, Probability

Split = Literal["unlabeled", "candidates", "validation", "test"]

SPLITS: tuple[Split, ...] = get_args(Split)

NEEDED: tuple[Split, ...] = ("unlabeled", "candidates")
"""Without these there is nothing to pretrain on or to choose from; without a test, to judge by."""

OUTLIERS = "outliers"
"""The part that a mixed pool's outliers are in, beside the parts of its own data set."""

Sizes = dict[str, dict[int | None, int]]
"""Images of each class in each split; None stands for images of no class."""

Problems = Mapping[str, str]
"""Mistakes of a pool: path below the pool -> message."""


def _unique(names: list[Split]) -> list[Split]:
    if len(set(names)) < len(names):
        raise ValueError("names a split twice")
    return names


Splits = Annotated[list[Split], Field(min_length=1), AfterValidator(_unique)]


class Slice(Model):
    """A range of one part of a data set: of each of its classes, or of the whole part.

    Positions count from 0 in the order of the data set (or of the pool's shuffle). ``first`` and
    ``last`` are positions, both included, where they are whole numbers, and shares where they are
    fractions.
    """

    part: str
    first: Annotated[int, Field(ge=0)] | Probability = 0.0
    last: Annotated[int, Field(ge=0)] | Probability = 1.0
    per: Literal["class", "part"] = "class"
    """Positions count within each class, or within the part as a whole."""

    def bounds(self, size: int) -> tuple[int, int]:
        """First and last position (both included) among ``size`` images."""
        first = round(self.first * size) if isinstance(self.first, float) else self.first
        last = round(self.last * size) - 1 if isinstance(self.last, float) else self.last
        return first, last


class SplitPool(Model):
    """Splits cut from the parts of a data set."""

    operator: Literal["split"]
    dataset: str
    shuffle: int | None = None
    """Seed of an order within each class or part; the data set's own order where absent."""
    splits: dict[Split, Slice]

    @field_validator("splits")
    @classmethod
    def _needed(cls, splits: dict[Split, Slice]) -> dict[Split, Slice]:
        missing = [split for split in NEEDED if split not in splits]
        if missing:
            raise ValueError(f"split `{missing[0]}` is missing; a pool has {', '.join(NEEDED)}")
        return splits

    def problems(self, dataset: Described) -> Problems:
        """Parts that the data set lacks, and positions beyond its images."""
        found = {}
        for name, part in self.splits.items():
            where = f"splits.{name}"
            if part.part not in dataset.parts:
                found[f"{where}.part"] = (
                    f"`{part.part}` is not a part of `{self.dataset}`, which has "
                    f"{', '.join(dataset.parts)}"
                )
                continue
            for label, size in _groups(dataset, part).items():
                first, last = part.bounds(size)
                if not 0 <= first <= last < size:
                    whose = "part" if label is None else f"class {label}"
                    found[where] = (
                        f"takes positions {first} to {last} of {whose}, which has {size} images"
                    )
                    break
        return found

    def sizes(self, dataset: Described) -> Sizes:
        """Images of each class in each split; of a slice of a whole part, None has them all."""
        found: Sizes = {}
        for name, part in self.splits.items():
            bounds = {label: part.bounds(size) for label, size in _groups(dataset, part).items()}
            found[name] = {label: last - first + 1 for label, (first, last) in bounds.items()}
        return found


class Changed(Model):
    """An operator on another pool."""

    pool: "Pool"
    """The pool that is changed: the name of a recipe above this one."""

    @property
    def dataset(self) -> str:
        """The data set of the pool that is changed."""
        return self.pool.dataset


class Thinned(Changed, ABC):
    """Fewer images of some classes: evenly spaced over the order of the pool, or the first ones."""

    splits: Splits = ["unlabeled", "candidates"]
    """The splits that are thinned; the others stay as they are."""

    @abstractmethod
    def left(self, sizes: Mapping[int | None, int]) -> dict[int | None, int]:
        """Return the number of images of each class of a split that are left."""

    def problems(self, dataset: Described) -> Problems:
        """Return the mistakes of the pool below, and splits that are missing or not thinnable."""
        found = {f"pool.{path}": message for path, message in self.pool.problems(dataset).items()}
        if found:
            return found
        below = self.pool.sizes(dataset)
        for split in self.splits:
            if split not in below:
                found["splits"] = f"the pool below has no split `{split}`"
            elif None in below[split] and mixture(self.pool) is None:
                found["splits"] = f"the classes of split `{split}` are not known before it is made"
        return found or self._own_problems(dataset)

    def _own_problems(self, dataset: Described) -> Problems:
        return {}

    def sizes(self, dataset: Described) -> Sizes:
        """Images of each class in each split."""
        below = self.pool.sizes(dataset)
        return below | {split: self.left(below[split]) for split in self.splits}


class Biased(Thinned):
    """Each class keeps a share of its own."""

    operator: Literal["biased"]
    shares: Annotated[list[Probability], Field(min_length=2)]
    """Share that each class keeps, in the order of the classes."""

    def left(self, sizes: Mapping[int | None, int]) -> dict[int | None, int]:
        """``round(share * size)``; images of no class stay."""
        return {
            label: size if label is None else round(self.shares[label] * size)
            for label, size in sizes.items()
        }

    def _own_problems(self, dataset: Described) -> Problems:
        if len(self.shares) == len(dataset.classes):
            return {}
        return {
            "shares": f"has {len(self.shares)} shares, but `{self.dataset}` has "
            f"{len(dataset.classes)} classes"
        }


class Longtail(Thinned):
    """Class sizes that fall exponentially (Cao et al. 2019, section 4.1).

    Class c of C keeps ``int(largest * factor ** (-c / (C - 1)))`` images.
    """

    operator: Literal["longtail"]
    factor: Annotated[float, Field(ge=1)]
    """Imbalance factor: the largest class over the smallest."""

    def left(self, sizes: Mapping[int | None, int]) -> dict[int | None, int]:
        """Never more than there are; images of no class stay."""
        classes = [label for label in sizes if label is not None]
        largest, last = max(sizes[label] for label in classes), max(*classes, 1)
        return {
            label: size
            if label is None
            # The 1e-9 keeps a power that is whole, such as 100 ** -1 of 5,000, from being cut to
            # the number below it.
            else min(size, int(largest * self.factor ** (-label / last) + 1e-9))
            for label, size in sizes.items()
        }


class Step(Thinned):
    """Some classes are cut to one size."""

    operator: Literal["step"]
    classes: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    size: Count
    keep: Literal["spaced", "first"] = "spaced"
    """Images of the classes that are cut: evenly spaced ones, or the first in the pool's order."""

    def left(self, sizes: Mapping[int | None, int]) -> dict[int | None, int]:
        """Never more than there are."""
        return {
            label: min(size, self.size) if label in self.classes else size
            for label, size in sizes.items()
        }

    def _own_problems(self, dataset: Described) -> Problems:
        return _unknown_classes(self.classes, dataset)


class Subset(Thinned):
    """Fewer images of every class, or some classes only."""

    operator: Literal["subset"]
    splits: Splits = ["unlabeled", "candidates", "test"]
    share: Annotated[Probability, Field(gt=0)] = 1.0
    """Share of each class that stays."""
    classes: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] | None = None
    """The classes that stay; all where absent."""

    def left(self, sizes: Mapping[int | None, int]) -> dict[int | None, int]:
        """``round(share * size)``, but one image at least, and 0 of classes that do not stay."""
        return {
            label: max(1, round(self.share * size))
            if label is None or self.classes is None or label in self.classes
            else 0
            for label, size in sizes.items()
        }

    def _own_problems(self, dataset: Described) -> Problems:
        return _unknown_classes(self.classes or [], dataset)


class Holdout(Changed):
    """A validation set, taken from the candidates before anything is chosen of them."""

    operator: Literal["holdout"]
    share: Annotated[Probability, Field(gt=0, lt=1)]
    """Share of each class of the candidates, evenly spaced over the order of the pool."""

    def problems(self, dataset: Described) -> Problems:
        """Return the mistakes of the pool below, and a second validation set."""
        found = {f"pool.{path}": message for path, message in self.pool.problems(dataset).items()}
        if not found and "validation" in self.pool.sizes(dataset):
            found["pool"] = "has a validation set already"
        return found

    def held_out(self, sizes: Mapping[int, int]) -> dict[int, int]:
        """Return the number of validation images that each class of the candidates gives.

        The share of all of them, apportioned to the classes by largest remainder.
        """
        exact = {label: self.share * size for label, size in sizes.items()}
        given = {label: int(number) for label, number in exact.items()}
        missing = round(self.share * sum(sizes.values())) - sum(given.values())
        for label in sorted(exact, key=lambda label: given[label] - exact[label])[:missing]:
            given[label] += 1
        return given

    def sizes(self, dataset: Described) -> Sizes:
        """Images of each class in each split; those of no class stay candidates."""
        below = self.pool.sizes(dataset)
        before = below["candidates"]
        classes = {label: size for label, size in before.items() if label is not None}
        validation: dict[int | None, int] = {}
        validation.update(self.held_out(classes).items())
        candidates = {label: size - validation.get(label, 0) for label, size in before.items()}
        return below | {"candidates": candidates, "validation": validation}


class Outliers(Model):
    """Images of another data set that belong to none of the pool's classes."""

    dataset: str
    part: str
    count: Count
    """The first so many of the part."""


class Mixed(Changed):
    """A pool with images of another data set among its own.

    They are brought to the shape of the pool's own images: resized (bilinear, antialiased), grey
    repeated for each channel. Each is known as an outlier where labels are, and nowhere else.
    """

    operator: Literal["mixed"]
    outliers: Outliers
    splits: Splits = ["unlabeled", "candidates"]
    """The splits that the outliers are put in."""

    def problems(self, dataset: Described) -> Problems:
        """Return the mistakes of the pool below, missing splits, and a pool that is mixed twice."""
        found = {f"pool.{path}": message for path, message in self.pool.problems(dataset).items()}
        if mixture(self.pool):
            found["pool"] = "is mixed already; a pool takes outliers from one data set"
        missing = [split for split in self.splits if split not in splits_of(self.pool)]
        if missing:
            found["splits"] = f"the pool below has no split `{missing[0]}`"
        return found

    def problems_of_outliers(self, dataset: Described) -> Problems:
        """Return what does not fit the outliers' data set."""
        wanted = self.outliers
        if wanted.part not in dataset.parts:
            has = ", ".join(dataset.parts)
            return {
                "outliers.part": f"`{wanted.part}` is not a part of `{wanted.dataset}`, "
                f"which has {has}"
            }
        size = part_size(dataset, wanted.part)
        if wanted.count > size:
            return {"outliers.count": f"is {wanted.count}, but `{wanted.part}` has {size} images"}
        return {}

    def sizes(self, dataset: Described) -> Sizes:
        """Images of each class in each split; the outliers count as images of no class."""
        found = dict(self.pool.sizes(dataset))
        for split in self.splits:
            none = found[split].get(None, 0) + self.outliers.count
            found[split] = {**found[split], None: none}
        return found


Pool = Annotated[
    SplitPool | Biased | Longtail | Step | Subset | Holdout | Mixed, Field(discriminator="operator")
]


def mixture(pool: "Pool") -> Mixed | None:
    """The mixed pool that a pool is or is made from, if there is one."""
    while not isinstance(pool, SplitPool):
        if isinstance(pool, Mixed):
            return pool
        pool = pool.pool
    return None


def splits_of(pool: "Pool") -> frozenset[Split]:
    """The splits that a pool has."""
    if isinstance(pool, SplitPool):
        return frozenset(pool.splits)
    below = splits_of(pool.pool)
    return below | {"validation"} if isinstance(pool, Holdout) else below


def part_size(dataset: Described, part: str) -> int:
    """Images in a part of a data set."""
    images = dataset.parts[part]
    return images if isinstance(images, int) else sum(images)


def _groups(dataset: Described, part: Slice) -> dict[int | None, int]:
    """Images of each group that a slice counts positions in: a class, or the whole part (None)."""
    images = dataset.parts[part.part]
    if isinstance(images, int) or part.per == "part":
        return {None: part_size(dataset, part.part)}
    return dict(enumerate(images))


def _unknown_classes(classes: list[int], dataset: Described) -> Problems:
    last = len(dataset.classes) - 1
    unknown = [label for label in classes if label > last]
    return {"classes": f"{unknown[0]} is not a class; they are 0 to {last}"} if unknown else {}


for _model in (Biased, Longtail, Step, Subset, Holdout, Mixed):
    _model.model_rebuild()
