"""A folder with the picks alone, as links or copies, in the order of their ranks."""

import hashlib
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pandas as pd

from coldstart.common.atomic import replacing
from coldstart.common.errors import ColdstartError
from coldstart.common.spreadsheet import csv_bytes
from coldstart.running.outputs import remove_output, write_output

log = logging.getLogger("coldstart")

COLUMNS = ["rank", "file", "path", "made"]
"""Columns of the list; ``made`` proves that a file is as it was made: a link's target, or a copy's
SHA-256."""

LONGEST = 200
"""Bytes of a name; file systems take 255."""


def write_picks(listed: Path, picks: pd.DataFrame, images: Path, copy: bool) -> None:
    """Bring the folder that the list lies in up to date.

    The new list is written before any file is made, and with the old one's files until these are
    gone, so that a kill leaves none that no list knows.

    Args:
        listed: path of the list, ``picks.csv``.
        picks: ``rank`` and ``path``, in order.
        images: the folder that the paths start from.
        copy: files are copies rather than links.
    """
    listed.parent.mkdir(parents=True, exist_ok=True)
    digits = len(str(picks["rank"].max()))
    wanted = pd.DataFrame(
        {
            "rank": picks["rank"].to_numpy(),
            "file": [_name(rank, path, digits) for rank, path in picks[["rank", "path"]].values],
            "path": picks["path"].to_numpy(),
            "made": [_proof(images / str(path), copy) for path in picks["path"]],
        }
    )
    before = _read(listed)
    both = pd.concat([wanted.astype(str), before]).drop_duplicates(["file", "made"])
    write_output(listed, csv_bytes(both))
    kept = set(zip(wanted["file"], wanted["made"], strict=True))
    _remove(listed.parent, before, kept)
    taken = [
        row for row in wanted.to_dict("records") if not _make(listed.parent, row, images, copy)
    ]
    if taken:
        names = ", ".join(str(row["file"]) for row in taken[:5])
        log.warning("%s: other files have the names of picks: %s", listed.parent, names)
    write_output(listed, csv_bytes(wanted))


def remove_picks(listed: Path) -> None:
    """Remove what an earlier run made; what somebody changed or added stays."""
    if listed.exists():
        _remove(listed.parent, _read(listed), set())
        remove_output(listed)
        with suppress(OSError):  # somebody's own files are in it
            listed.parent.rmdir()


def _name(rank: int, path: str, digits: int) -> str:
    """A name that sorts by rank and ends as the image's own does."""
    own = Path(str(path))
    head = f"{rank:0{digits}d}-"
    room = LONGEST - len(head) - len(os.fsencode(own.suffix))
    stem = os.fsencode(own.stem)[: max(room, 0)].decode(errors="ignore")
    return f"{head}{stem}{own.suffix}"


def _proof(image: Path, copy: bool) -> str:
    return hashlib.sha256(image.read_bytes()).hexdigest() if copy else str(image)


def _read(listed: Path) -> pd.DataFrame:
    """The rows of the list before; those that name no plain file of the folder do not count."""
    try:
        table = pd.read_csv(listed, dtype=str, keep_default_na=False)[COLUMNS]
    except (OSError, ValueError, KeyError):
        return pd.DataFrame(columns=COLUMNS)
    plain = [Path(name).name == name and name not in ("", ".", "..") for name in table["file"]]
    return table[plain]


def _remove(folder: Path, before: pd.DataFrame, kept: set[tuple[str, str]]) -> None:
    """Remove files of an earlier list that are as they were made and are not wanted any more."""
    changed = []
    for name, proofs in before.groupby("file")["made"]:
        path = folder / str(name)
        found = [made for made in proofs if os.path.lexists(path) and _is_as_made(path, made)]
        if not found and os.path.lexists(path):
            changed.append(path.name)
        elif found and (name, found[0]) not in kept:
            path.unlink()
    if changed:
        log.warning("%s: left as they are, since somebody changed them: %s", folder, changed[:5])


def _is_as_made(path: Path, made: str) -> bool:
    if path.is_symlink():
        return str(path.readlink()) == made
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == made


def _make(folder: Path, row: dict[object, object], images: Path, copy: bool) -> bool:
    """Make one file unless it is there; False if another has its name."""
    path, made = folder / str(row["file"]), str(row["made"])
    if os.path.lexists(path):
        return _is_as_made(path, made)
    source = images / str(row["path"])
    if copy:
        with replacing(path) as draft:
            shutil.copyfile(source, draft)
        return True
    try:
        path.symlink_to(source)
    except OSError as error:
        raise ColdstartError(
            f"{folder} takes no links ({error.strerror}): set export=copies instead of folder"
        ) from error
    return True
