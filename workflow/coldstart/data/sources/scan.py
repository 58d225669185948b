"""A first look at a user's own files, while planning: cheap, and equal on every machine.

Only content counts, not time or place. The digest of a folder is the SHA-256 of what
``sha256sum -z`` prints for its images, in order.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.common.paths import expand
from coldstart.config.recipes.datasets.arrays import Arrays
from coldstart.config.recipes.datasets.folder import Folder
from coldstart.data.sources.digests import UNREADABLE, File, digest_files
from coldstart.data.sources.labels import Labels, labels_by_folder, labels_from_tables
from coldstart.data.sources.listing import Listing, list_images
from coldstart.data.unclassed import UNLABELLED

PART = "all"
"""The one part of a user's own set."""

SHOWN = 5
"""Number of faulty files that a message names."""


@dataclass(frozen=True)
class Scan:
    """A user's own set, as the plan needs it.

    Attributes:
        recipe: what the user wrote.
        files: in the order of the ids.
        shape: height, width and channels of an image.
        count: number of images, with broken ones.
        digest: ``sha256:...`` of the images' content and, in a folder, paths.
        labels: the class of each image; None for a set without labels.
        places: the paths to read from, by the digests of images and labels.
        left_out: files that are not among the images, and why.
        remarks: sentences on what was left out of a folder, for the user.
    """

    recipe: Folder | Arrays
    files: Sequence[File]
    shape: list[int]
    count: int
    digest: str
    labels: Labels | None
    places: dict[str, list[Path]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def source(self) -> str:
        """Name of the reader."""
        return self.recipe.source

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of their numbers; none without labels."""
        return [] if self.labels is None else self.labels.classes

    @property
    def parts(self) -> dict[str, list[int] | int]:
        """Images of each class, or in all where there are no labels; broken ones included."""
        return {PART: self.count if self.labels is None else self.labels.counts()}

    @property
    def unlabelled(self) -> int:
        """Number of images without a label."""
        return self.count if self.labels is None else self.labels.numbers.count(UNLABELLED)

    def images_recipe(self) -> dict[str, Any]:
        """Return the recipe of the images, without their place and their labels."""
        settings = self.recipe.model_dump(exclude={"path", "labels"})
        counts = {PART: self.count}
        return {**settings, "shape": self.shape, "digest": self.digest, "parts": counts}

    def labels_recipe(self) -> dict[str, Any]:
        """Return the recipe of the labels.

        Raises:
            ValueError: the set has none.
        """
        if self.labels is None:
            raise ValueError("a set without labels")
        return {
            "source": self.source,
            "labels": self.labels.kind,
            "classes": self.classes,
            "parts": self.parts,
            "digest": self.labels.digest,
        }


def scan_folder(recipe: Folder, data_dir: Path, cache: Path | None) -> Scan:
    """List a folder, digest what is new in it, and tell classes apart.

    Args:
        recipe: the folder's.
        data_dir: what a relative path starts from.
        cache: a folder for the files' digests; see ``digest_files``.

    Raises:
        ColdstartError: the folder, its images or their labels are not as the recipe says.
    """
    root = resolve(recipe.path, data_dir)
    listing = list_images(root)
    files = listing.images
    paths = [file.path for file in files]
    places, labels = [root], None
    if recipe.labels == "folders":
        labels = labels_by_folder(paths, root)
    elif recipe.labels != "none":
        tables = [recipe.labels] if isinstance(recipe.labels, str) else recipe.labels
        places += [root / table for table in tables]
        labels = labels_from_tables(paths, *places)
    digests = digest_files(root, files, cache, tolerant=True)
    unreadable = [file for file, digest in zip(files, digests, strict=True) if digest == UNREADABLE]
    if recipe.on_broken == "fail" and (unreadable or listing.unreadable):
        raise _unreadable(root, [file.path for file in unreadable], listing)
    digest = digest_of(files, digests)
    by_digest = {digest: [root]} | ({labels.digest: places} if labels else {})
    shape = [*recipe.size, recipe.channels]
    left_out, remarks = listing.left_out(), _remarks(root, unreadable, listing)
    return Scan(recipe, files, shape, len(files), digest, labels, by_digest, left_out, remarks)


def _unreadable(root: Path, paths: Sequence[str], listing: Listing) -> ColdstartError:
    named = sorted([*paths, *listing.unreadable])
    more = ", ..." if len(named) > SHOWN else ""
    return ColdstartError(
        f"{len(named)} files or folders in {root} cannot be read: {', '.join(named[:SHOWN])}{more}."
        "\n  remedy: mend or remove them, or let the recipe say `on_broken: skip`."
    )


def _remarks(root: Path, unreadable: Sequence[File], listing: Listing) -> list[str]:
    """Say in sentences what is left out of a folder."""
    lines = listing.sentences()
    if unreadable:
        first = unreadable[0]
        reason = first.fault or "cannot be read"
        counted = f"{len(unreadable)} of {len(listing.images)} images cannot be opened"
        lines.append(f"{counted} and are skipped: {first.path} {reason}")
    return [f"{root}: {line}" for line in lines]


def resolve(path: str, data_dir: Path) -> Path:
    """Return the path that a recipe means: as written if it exists, else with ``~`` expanded."""
    return expand(path, data_dir)


def digest_of(files: Sequence[File], digests: Sequence[str]) -> str:
    """Return the digest of a set, from its files in order and the SHA-256 of each."""
    lines = (f"{digest}  {file.path}\0" for file, digest in zip(files, digests, strict=True))
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def changed(recipe: Mapping[str, Any]) -> ColdstartError:
    """Make the error that files have changed since the plan has seen them."""
    return ColdstartError(
        f"The files of source `{recipe['source']}` are not those that were planned with "
        f"({recipe['digest'][:19]}...): they have changed meanwhile. Run Coldstart again. If this "
        "comes back, a file has changed but not its time: remove results/.cache."
    )
