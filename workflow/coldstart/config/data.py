"""Recipes of data: where images come from, and which of them play which part."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from coldstart.config.model import Count, Model, Probability

ClassCounts = Annotated[list[Count], Field(min_length=2)]

Split = Literal["unlabeled", "candidates", "test"]

SPLITS: tuple[Split, ...] = get_args(Split)


class Dataset(Model):
    """A published set of images, read whole."""

    source: Literal["digits", "cifar10"]
    """The module of ``coldstart.data`` that reads it."""
    digest: str
    """What pins the content: the publisher's checksums, or the SHA-256 of the arrays."""
    shape: Annotated[list[Count], Field(min_length=3, max_length=3)]
    """Height, width and channels of an image."""
    classes: Annotated[list[str], Field(min_length=2)]
    """Names of the classes, in the order of their numbers."""
    parts: dict[str, ClassCounts]
    """Images of each class in each of the publisher's parts; checked when the set is read."""


class Slice(Model):
    """Which images of each class a split takes from one part of the data set.

    Positions count the images of one class in the order of the data set (or of the pool's shuffle),
    from 0. ``first`` and ``last`` are positions where they are whole numbers, and shares of the
    class where they are fractions. With ``keep``, class ``c`` gives only that share of the range,
    evenly spaced as ``numpy.linspace(first, last, num, dtype=int)`` spaces it.
    """

    part: str
    first: Annotated[int, Field(ge=0)] | Probability = 0
    last: Annotated[int, Field(ge=0)] | Probability
    keep: Annotated[list[Probability], Field(min_length=2)] | None = None
    """Share of the range that each class keeps; all of it where absent."""

    def bounds(self, size: int) -> tuple[int, int]:
        """First and last position (both included) in a class of ``size`` images."""
        first = round(self.first * size) if isinstance(self.first, float) else self.first
        last = round(self.last * size) - 1 if isinstance(self.last, float) else self.last
        return first, last

    def count(self, label: int, size: int) -> int:
        """How many images of class ``label``, which has ``size`` of them, this slice takes."""
        first, last = self.bounds(size)
        share = 1.0 if self.keep is None else self.keep[label]
        return round(share * (last - first + 1))


class Pool(Model):
    """Which images of a data set are unlabeled, candidates for labelling, or for the test."""

    operator: Literal["slices"]
    dataset: str
    shuffle: int | None = None
    """Seed of an order within each class; the data set's own order where absent."""
    splits: dict[Split, Slice]

    @model_validator(mode="after")
    def _all_splits(self) -> "Pool":
        missing = [split for split in SPLITS if split not in self.splits]
        if missing:
            raise ValueError(f"split `{missing[0]}` is missing; a pool has {', '.join(SPLITS)}")
        return self

    def problems(self, dataset: Dataset) -> Mapping[str, str]:
        """What does not fit the data set: path below the pool -> message."""
        found = {}
        for name, part in self.splits.items():
            where = f"splits.{name}"
            if part.part not in dataset.parts:
                found[f"{where}.part"] = (
                    f"`{part.part}` is not a part of `{self.dataset}`, which has "
                    f"{', '.join(dataset.parts)}"
                )
                continue
            if part.keep is not None and len(part.keep) != len(dataset.classes):
                found[f"{where}.keep"] = (
                    f"has {len(part.keep)} shares, but `{self.dataset}` has "
                    f"{len(dataset.classes)} classes"
                )
                continue
            for label, size in enumerate(dataset.parts[part.part]):
                first, last = part.bounds(size)
                if not 0 <= first <= last < size:
                    found[where] = (
                        f"takes positions {first} to {last} of class {label}, "
                        f"which has {size} images"
                    )
                    break
        return found

    def sizes(self, dataset: Dataset) -> dict[str, list[int]]:
        """Images of each class in each split."""
        return {
            name: [part.count(label, size) for label, size in enumerate(dataset.parts[part.part])]
            for name, part in self.splits.items()
        }
