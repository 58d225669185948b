"""Labels of a user's own images, from the names of their folders or from tables."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote

from coldstart.common.errors import ColdstartError
from coldstart.common.texts import unprintable
from coldstart.data.sources.label_tables import Row, read_rows
from coldstart.data.unclassed import UNLABELLED

SERVED = "/data/local-files/?d="
"""Start of the address of a local file in Label Studio; its path below the root follows."""

PARTS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})
"""Names of folders that are parts of a set, and not classes."""

SHOWN = 5
"""Number of faulty paths that a message names."""


@dataclass(frozen=True)
class Labels:
    """The classes of a set, and each image's class.

    Attributes:
        kind: source of the labels.
        classes: names of the classes, sorted.
        numbers: of each image, its class's position in ``classes``, or UNLABELLED.
        digest: ``sha256:...`` of all paths and their labels.
    """

    kind: Literal["folders", "csv", "arrays"]
    classes: list[str]
    numbers: list[int]
    digest: str

    def counts(self) -> list[int]:
        """Count the images of each class."""
        found = [0] * len(self.classes)
        for number in self.numbers:
            if number != UNLABELLED:
                found[number] += 1
        return found


def labels_by_folder(paths: Sequence[str], root: Path) -> Labels:
    """Take the first folder on an image's path as its class.

    Raises:
        ColdstartError: an image lies in no folder, or all images lie in one.
    """
    outside = [path for path in paths if "/" not in path]
    if outside:
        raise ColdstartError(
            f"In {root}, {_some(outside)} lie outside of the classes' folders, although the recipe "
            "says `labels: folders`: move them into one, or give `labels: none` or a table."
        )
    names = [unicodedata.normalize("NFC", path.partition("/")[0]) for path in paths]
    if len(set(names)) < 2:
        raise ColdstartError(
            f"{root} has 1 class ({names[0]}), and two are the least to tell apart: correct `path` "
            "or `labels` in the recipe."
        )
    if {name.casefold() for name in names} <= PARTS:
        raise ColdstartError(
            f"The folders in {root} are {' and '.join(sorted(set(names)))}: parts of a set, which "
            "`labels: folders` would take for the classes. Give the labels as a table, and slice "
            "the parts in the pool: docs/data.md, `train/ and test/`."
        )
    return _labels("folders", paths, names, str(root))


def labels_from_tables(paths: Sequence[str], root: Path, *tables: Path) -> Labels:
    """Read labels from tables with the columns ``path`` and ``label``; others are ignored.

    An image without a row, or with an empty label, is unlabelled. Equal rows count once.

    Raises:
        ColdstartError: a table is missing or unreadable, it has paths that are not images, or an
            image has two labels.
    """
    known = _Known(paths, root)
    named: dict[str, Row] = {}
    unknown: list[Row] = []
    conflicts: list[tuple[str, Row, Row]] = []
    for row in (row for table in tables for row in read_rows(table)):
        path = known.find(row.path)
        if path is None:
            unknown.append(row)
        elif row.label:
            first = named.setdefault(path, row)
            if first.label != row.label:
                conflicts.append((path, first, row))
    if unknown:
        raise _unknown(unknown, known, root)
    if conflicts:
        raise _conflict(conflicts)
    names = [named[path].label if path in named else "" for path in paths]
    return _labels("csv", paths, names, ", ".join(map(str, tables)))


class _Known:
    """The paths of images, found by the forms in which people and tools write them."""

    def __init__(self, paths: Sequence[str], root: Path) -> None:
        self.paths = set(paths)
        self._folders = [root.absolute().as_posix(), root.resolve().as_posix()]
        self._name = root.absolute().name
        # A Mac decomposes accents, and other systems compose them.
        self._composed = _by(paths, compose)

    def find(self, written: str) -> str | None:
        """Return the image that a path means; None if there is none."""
        if SERVED in written:
            written = unquote(written.partition(SERVED)[2]).removeprefix(f"{self._name}/")
        forms = [written, written.strip(), written.strip().replace("\\", "/")]
        # CVAT writes paths from its share on, which may be the folder above.
        for path in [*forms, forms[-1].removeprefix(f"{self._name}/")]:
            below = self._below(path)
            if below in self.paths:
                return below
            found = self._composed.get(compose(below))
            if found is not None:
                return found
        return None

    def other_case(self, written: str) -> str | None:
        """An image whose path differs in upper and lower case alone."""
        wanted = compose(self._below(written.strip())).casefold()
        return next((path for path in self.paths if compose(path).casefold() == wanted), None)

    def _below(self, path: str) -> str:
        """Return a path relative to the folder, also if it is given in full."""
        given = PurePosixPath(path)
        for folder in self._folders:
            if given.is_relative_to(folder):
                return given.relative_to(folder).as_posix()
        return given.as_posix()


def compose(text: str) -> str:
    """Compose accents, as Windows and Linux write them; a Mac decomposes them."""
    return unicodedata.normalize("NFC", text)


def _by(paths: Sequence[str], form: Callable[[str], str]) -> dict[str, str]:
    """Map each form that belongs to a single path to that path."""
    forms = [form(path) for path in paths]
    counts = Counter(forms)
    return {form: path for form, path in zip(forms, paths, strict=True) if counts[form] == 1}


def _unknown(rows: Sequence[Row], known: _Known, root: Path) -> ColdstartError:
    first = rows[0]
    others = [row.path for row in rows[1:]]
    named = ", ".join(others[:SHOWN]) + (", ..." if len(others) > SHOWN else "")
    verb = "names" if len(others) == 1 else "name"
    more = f", and {len(others)} more {verb} none ({named})" if others else ""
    other = known.other_case(first.path)
    hint = f" There is {other}: upper and lower case differ." if other is not None else ""
    return ColdstartError(
        f"{first.where}: {first.path} is not among the images in {root}{more}. Paths start from "
        f"that folder, with / between.{hint}"
    )


def _conflict(conflicts: Sequence[tuple[str, Row, Row]]) -> ColdstartError:
    lines = [
        f"  {path}: {first.label} ({first.where}), {second.label} ({second.where})"
        for path, first, second in conflicts[:SHOWN]
    ]
    more = [f"  ... and {len(conflicts) - SHOWN} more"] if len(conflicts) > SHOWN else []
    count = len({path for path, *_ in conflicts})
    return ColdstartError(
        "\n".join(
            [
                "1 image has two labels:" if count == 1 else f"{count} images have two labels:",
                *lines,
                *more,
                "  remedy: leave one row for each image, or give all of its rows the same label.",
            ]
        )
    )


def check_names(classes: Iterable[str], where: str) -> None:
    """Refuse names of classes that no table, page or picture can show.

    Args:
        classes: names of classes.
        where: names their source in messages.

    Raises:
        ColdstartError: a name has a control character, or half of a character.
    """
    for name in classes:
        bad = unprintable(name)
        if bad is not None:
            raise ColdstartError(
                f"{where}: the class {name!a} has the character U+{ord(bad):04X}, which cannot be "
                "shown: rename it."
            )


def _labels(
    kind: Literal["folders", "csv"], paths: Sequence[str], names: Sequence[str], where: str
) -> Labels:
    classes = sorted({name for name in names if name})
    check_names(classes, where)
    number = {name: index for index, name in enumerate(classes)}
    return Labels(
        kind,
        classes,
        [number.get(name, UNLABELLED) for name in names],
        digest_labels(f"{path}\0{name}" for path, name in zip(paths, names, strict=True)),
    )


def digest_labels(lines: Iterable[str]) -> str:
    """Return the digest of labels, given a line for each image."""
    return "sha256:" + hashlib.sha256("\0\0".join(lines).encode()).hexdigest()


def _some(paths: Sequence[str]) -> str:
    more = ", ..." if len(paths) > SHOWN else ""
    return f"{len(paths)} path{'s' * (len(paths) > 1)} ({', '.join(paths[:SHOWN])}{more})"
