"""The files below a user's folder: its images, and others with the reasons to leave them out."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.common.paths import RESULTS
from coldstart.data.sources.digests import File
from coldstart.data.sources.formats import ENDINGS, endings, reads_heif

SHOWN = 8
"""Number of kinds of other files that a sentence names."""

HIDDEN = "hidden"
NO_ENDING = "without an ending"


@dataclass
class Listing:
    """A folder's files.

    Attributes:
        images: in the order of their ids, with those that cannot be opened.
        unreadable: folders and names that cannot be listed, and why.
        others: files that are not images by their names, and the kind of each: its name's ending,
            ``hidden``, or ``without an ending``.
    """

    images: list[File] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def left_out(self) -> dict[str, str]:
        """Return each path that is not among the images, and why, sorted by path."""
        other = {path: _reason(kind) for path, kind in self.others.items()}
        return dict(sorted((other | self.unreadable).items()))

    def sentences(self) -> list[str]:
        """Count the files that are left out, in a sentence for each kind of reason."""
        found = []
        if self.others:
            found.append(_count_others(self.others.values()))
        if self.unreadable:
            path, reason = min(self.unreadable.items())
            counted = f"{len(self.unreadable)} folders or names"
            which = "1 folder or name was" if len(self.unreadable) == 1 else f"{counted} were"
            found.append(f"{which} left out: {path} {reason}")
        return found


def list_images(root: Path) -> Listing:
    """List the files below a folder, sorted by the code points of their paths.

    Links are followed, except those that lead back to a folder above. Hidden files and folders are
    left out; hidden files that are images by their names are counted.

    Raises:
        ColdstartError: there is no such folder, it cannot be listed, or it holds no images.
    """
    looked_for = f"looked for: *{', *'.join(endings())} (upper or lower case), at any depth"
    if not root.is_dir():
        raise ColdstartError(
            f"There is no folder {root}.\n  {looked_for}\n"
            "  remedy: correct `path` in the recipe; a relative one is below data_dir."
        )
    found = Listing()
    try:
        _walk(root, found)
    except OSError as error:
        raise ColdstartError(f"{error.filename} cannot be read: {error.strerror}.") from error
    if not found.images:
        left_out = "".join(f"\n  {sentence}" for sentence in found.sentences())
        raise ColdstartError(f"There are no images in {root}.\n  {looked_for}{left_out}")
    found.images.sort(key=lambda file: file.path)
    return found


def count_paths(paths: Sequence[str], most: int) -> str:
    """Say the number of paths, and name the first of them."""
    noun = "path" if len(paths) == 1 else "paths"
    more = ", ..." if len(paths) > most else ""
    return f"{len(paths)} {noun} ({', '.join(paths[:most])}{more})"


def _walk(root: Path, found: Listing) -> None:
    outputs = _identity(RESULTS) if RESULTS.is_dir() else None
    waiting = [(str(root), "", frozenset({_identity(root)}))]
    while waiting:
        folder, prefix, above = waiting.pop()
        try:
            entries = list(_scan(folder))
        except OSError as error:
            if not prefix:
                raise
            found.unreadable[prefix] = f"cannot be listed: {error.strerror}"
            continue
        for entry in entries:
            path = prefix + entry.name
            if not _is_text(path):
                shown = os.fsencode(path).decode(errors="backslashreplace")
                found.unreadable[shown] = (
                    "has a name that is not UTF-8, which other machines read differently: rename it"
                )
            elif entry.name.startswith("."):
                if entry.name.lower().endswith(endings()):
                    found.others[path] = HIDDEN
            elif _is_folder(entry):
                identity = _identity(Path(entry.path))
                if identity == outputs:
                    found.unreadable[f"{path}/"] = "is where runs write their results"
                elif identity not in above:
                    waiting.append((entry.path, f"{path}/", above | {identity}))
            elif entry.name.lower().endswith(endings()):
                found.images.append(_file(entry, path))
            else:
                found.others[path] = Path(entry.name).suffix or NO_ENDING


def _scan(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from entries


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # for example, a link to itself
        return False


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino


def _file(entry: os.DirEntry[str], path: str) -> File:
    """Describe a file that is an image by its name, with its fault if it cannot be opened."""
    try:
        found = entry.stat()  # of the target of a link
    except OSError as error:
        dangling = entry.is_symlink() and isinstance(error, FileNotFoundError)
        reason = "is a link that leads nowhere" if dangling else f"cannot be read: {error.strerror}"
        return File(path, fault=reason)
    if not stat.S_ISREG(found.st_mode):
        return File(path, fault="is not a file")
    return File.of(path, found)


def _reason(kind: str) -> str:
    if kind == HIDDEN:
        return "is hidden"
    if kind.lower() in ENDINGS["HEIF"] and not reads_heif():
        return "needs pillow-heif: pip install 'coldstart[heif]'"
    return f"is no image by its name ({kind})"


def _count_others(kinds: Iterable[str]) -> str:
    counts = Counter(kinds)
    total = counts.total()
    ordered = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
    named = [f"{count} {kind}" for kind, count in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        named.append(f"{sum(count for _, count in ordered[SHOWN:])} of other kinds")
    noun, was = ("file", "was") if total == 1 else ("files", "were")
    hint = ""
    if any(kind.lower() in ENDINGS["HEIF"] for kind in counts) and not reads_heif():
        hint = " (to read HEIC: pip install 'coldstart[heif]')"
    return f"{total} other {noun} {was} left out: {', '.join(named)}{hint}"
