"""What a user's own files hold, found before any job: cheap, and the same on every machine.

Content counts, not time or place. The digest of a folder is the SHA-256 of what ``sha256sum -z``
prints of its images, in order.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.config.folders import Arrays, Folder
from coldstart.data.sources.digests import File, digest_files
from coldstart.data.sources.labels import UNLABELLED, Labels, labels_by_folder, labels_from_csv
from coldstart.errors import ColdstartError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
"""How the names of image files end, in upper or lower case."""

PART = "all"
"""The one part of a user's own set."""

PLACES = "COLDSTART_PLACES"
"""The variable that tells jobs where the files with a digest lie: no place is part of a key."""


@dataclass(frozen=True)
class Scan:
    """A user's own set, as the plan needs it.

    Attributes:
        recipe: what the user wrote.
        files: in the order of the ids.
        shape: height, width and channels of an image.
        count: how many images there are, broken ones among them.
        digest: ``sha256:...`` of the images' content and, in a folder, paths.
        labels: who is in which class; None for a set without labels.
        places: of the images' digest and that of the labels, the paths to read them from.
    """

    recipe: Folder | Arrays
    files: Sequence[File]
    shape: list[int]
    count: int
    digest: str
    labels: Labels | None
    places: dict[str, list[Path]]

    @property
    def source(self) -> str:
        """The module that reads it."""
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
        """How many images have no label."""
        return self.count if self.labels is None else self.labels.numbers.count(UNLABELLED)

    def images_recipe(self) -> dict[str, Any]:
        """What decides the images: neither where they lie nor how they are labelled."""
        settings = self.recipe.model_dump(exclude={"path", "labels"})
        counts = {PART: self.count}
        return {**settings, "shape": self.shape, "digest": self.digest, "parts": counts}

    def labels_recipe(self) -> dict[str, Any]:
        """What decides the labels.

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
    files = list_images(root)
    paths = [file.path for file in files]
    places, labels = [root], None
    if recipe.labels == "folders":
        labels = labels_by_folder(paths, root)
    elif recipe.labels != "none":
        places.append(root / recipe.labels)
        labels = labels_from_csv(paths, *places)
    digest = digest_of(files, digest_files(root, files, cache))
    by_digest = {digest: [root]} | ({labels.digest: places} if labels else {})
    shape = [*recipe.size, recipe.channels]
    return Scan(recipe, files, shape, len(files), digest, labels, by_digest)


def resolve(path: str, data_dir: Path) -> Path:
    """The path that a recipe means, with ``~`` and variables put in."""
    return data_dir / os.path.expanduser(os.path.expandvars(path))


def list_images(root: Path) -> list[File]:
    """The images below a folder, sorted by their paths' code points.

    Links are followed but for those that lead back to a folder above. Hidden files and folders,
    and files with other endings, are left out.

    Raises:
        ColdstartError: there is no such folder, it holds no images, or a part of it cannot be read.
    """
    looked_for = f"looked for: *{', *'.join(SUFFIXES)} (upper or lower case), at any depth"
    if not root.is_dir():
        raise ColdstartError(
            f"There is no folder {root}.\n  {looked_for}\n"
            "  remedy: correct `path` in the recipe; a relative one is below data_dir."
        )
    try:
        files = sorted(_walk(root), key=lambda file: file.path)
    except OSError as error:
        raise ColdstartError(f"{error.filename} cannot be read: {error.strerror}.") from error
    if not files:
        raise ColdstartError(f"There are no images in {root}.\n  {looked_for}")
    return files


def _walk(root: Path) -> Iterator[File]:
    waiting = [(str(root), "", frozenset({_identity(str(root))}))]
    while waiting:
        folder, prefix, above = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    identity = _identity(entry.path)
                    if identity not in above:
                        waiting.append((entry.path, f"{prefix}{entry.name}/", above | {identity}))
                elif entry.name.lower().endswith(SUFFIXES):
                    yield _file(entry, prefix + entry.name)


def _identity(folder: str) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def _file(entry: os.DirEntry[str], path: str) -> File:
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ColdstartError(
            f"{entry.path!a} has a name that is not UTF-8, which other machines read "
            "differently: rename it."
        ) from error
    found = entry.stat()  # of what a link leads to
    if not stat.S_ISREG(found.st_mode):
        raise ColdstartError(f"{entry.path} is not a file: remove or rename it.")
    return File(path, found.st_size, found.st_mtime_ns)


def digest_of(files: Sequence[File], digests: Sequence[str]) -> str:
    """The digest of a set, from its files in order and the SHA-256 of each."""
    lines = (f"{digest}  {file.path}\0" for file, digest in zip(files, digests, strict=True))
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def export_places(scan: Scan) -> None:
    """Tell every process that this one starts where a set's files lie."""
    known = json.loads(os.environ.get(PLACES, "{}"))
    for digest, paths in scan.places.items():
        known[digest] = [str(path.absolute()) for path in paths]
    os.environ[PLACES] = json.dumps(known)


def places_of(digest: str) -> list[Path]:
    """Where the files with this digest lie; none if the plan has not said."""
    known = json.loads(os.environ.get(PLACES, "{}"))
    return [Path(path) for path in known.get(digest, ())]


def changed(recipe: Mapping[str, Any]) -> ColdstartError:
    """The error of files that are not those which the plan has seen."""
    return ColdstartError(
        f"The files of source `{recipe['source']}` are not those that were planned with "
        f"({recipe['digest'][:19]}...): they have changed meanwhile. Run Coldstart again. If this "
        "comes back, a file has changed but not its time: remove results/.cache."
    )
