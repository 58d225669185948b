"""Labels of a user's own images: from the folders that they are in, or from a table."""

import csv
import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from coldstart.errors import ColdstartError

UNLABELLED = -1

COLUMNS = ("path", "label")

SHOWN = 5
"""How many of the paths at fault a message names."""


@dataclass(frozen=True)
class Labels:
    """The classes of a set and who is in them.

    Attributes:
        kind: where the labels are from.
        classes: names of the classes, sorted.
        numbers: of each image, its class's position in ``classes``, or UNLABELLED.
        digest: ``sha256:...`` of all paths and their labels.
    """

    kind: Literal["folders", "csv", "arrays"]
    classes: list[str]
    numbers: list[int]
    digest: str

    def counts(self) -> list[int]:
        """Images in each class."""
        found = [0] * len(self.classes)
        for number in self.numbers:
            if number != UNLABELLED:
                found[number] += 1
        return found


def labels_by_folder(paths: Sequence[str], root: Path) -> Labels:
    """The first folder on an image's path is its class.

    Raises:
        ColdstartError: an image lies in none, or all in one.
    """
    outside = [path for path in paths if "/" not in path]
    if outside:
        raise ColdstartError(
            f"{_some(outside)} in {root} lie in no class's folder, although the recipe says "
            "`labels: folders`: move them into one, or give `labels: none` or a CSV file."
        )
    names = [path.partition("/")[0] for path in paths]
    if len(set(names)) < 2:
        raise ColdstartError(
            f"{root} has 1 class ({names[0]}), and two are the least to tell apart: correct `path` "
            "or `labels` in the recipe."
        )
    return _labels("folders", paths, names)


def labels_from_csv(paths: Sequence[str], root: Path, table: Path) -> Labels:
    """Labels from a table with the columns ``path`` and ``label``; other columns do not matter.

    An image without a row, or with an empty label, has none.

    Raises:
        ColdstartError: the table is not there, has no such columns, or has paths that are no images
            or that stand there twice.
    """
    named: dict[str, str] = {}
    folders = [root.absolute().as_posix(), root.resolve().as_posix()]
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ColdstartError(
                    f"{table} has no column `{missing[0]}`: its first line names the columns, "
                    f"{' and '.join(COLUMNS)} among them, with commas between."
                )
            for row in reader:
                path = _below(row["path"] or "", folders)
                if path in named:
                    raise ColdstartError(f"{table} has {path} twice, in line {reader.line_num} too")
                named[path] = row["label"] or ""
    except OSError as error:
        raise ColdstartError(f"The labels {table} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ColdstartError(f"{table} is not a CSV file in UTF-8: {error}.") from error
    known = set(paths)
    unknown = [path for path in named if path not in known]
    if unknown:
        raise ColdstartError(
            f"{table} names {_some(unknown)} that are not among the images in {root}. Paths start "
            "from that folder, with / between, and upper and lower case differ."
        )
    return _labels("csv", paths, [named.get(path, "") for path in paths])


def check_names(classes: Iterable[str], where: str) -> None:
    """Refuse names that no table, page or picture can show.

    Args:
        classes: names of classes.
        where: where they are from, for the message.

    Raises:
        ColdstartError: a name has a control character, or half of a character.
    """
    for name in classes:
        bad = [char for char in name if unicodedata.category(char) in ("Cc", "Cs")]
        if bad:
            raise ColdstartError(
                f"{where}: the name {name!a} has the character U+{ord(bad[0]):04X}, which is no "
                "printable one: rename the class."
            )


def _below(path: str, folders: Sequence[str]) -> str:
    """A path as the plan knows it: from the folder on, also where it is given in full."""
    given = PurePosixPath(path)
    for folder in folders:
        if given.is_relative_to(folder):
            return given.relative_to(folder).as_posix()
    return given.as_posix()


def _labels(kind: Literal["folders", "csv"], paths: Sequence[str], names: Sequence[str]) -> Labels:
    classes = sorted({name for name in names if name})
    number = {name: index for index, name in enumerate(classes)}
    return Labels(
        kind,
        classes,
        [number.get(name, UNLABELLED) for name in names],
        digest_labels(f"{path}\0{name}" for path, name in zip(paths, names, strict=True)),
    )


def digest_labels(lines: Iterable[str]) -> str:
    """The digest of labels, a line for each image."""
    return "sha256:" + hashlib.sha256("\0\0".join(lines).encode()).hexdigest()


def _some(paths: Sequence[str]) -> str:
    more = ", ..." if len(paths) > SHOWN else ""
    return f"{len(paths)} paths ({', '.join(paths[:SHOWN])}{more})"
