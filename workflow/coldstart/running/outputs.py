"""Text files that runs write and people read: written without ever losing what somebody typed.

These files are outputs. People edit them all the same, so what was written is recorded, and a file
with other content is renamed, never replaced. Snakemake, too, leaves them in place: their rules
flag them with ``update``, without which it removes outputs before a job starts.
"""

import hashlib
import json
import logging
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from coldstart.common.atomic import replacing

log = logging.getLogger("coldstart")

RECORDS = Path("results/.written")
"""A folder with a record for each file that was written: its path, and each version's SHA-256. A
record each, since jobs that run at once write theirs."""

VERSIONS = 100
"""Versions of a file that its record keeps, newest last."""


def write_output(path: Path, content: bytes, strict: bool = True) -> None:
    """Write a file; what somebody made of the one before is renamed first.

    The digest is recorded before the file is written. A kill in between leaves the version before
    in place, which is recorded, too.

    Args:
        path: relative to where Snakemake runs; outside of ``results`` nothing is recorded.
        content: of the file.
        strict: whether a file of which nothing is recorded counts as somebody's own.
    """
    if path.is_relative_to(RECORDS.parent):
        if strict or _versions(path):
            set_edited_aside(path)
        _record(path, hashlib.sha256(content).hexdigest())
    with replacing(path) as draft:
        draft.write_bytes(content)


def remove_output(path: Path) -> None:
    """Remove a file that this run does not write; what somebody made of it is renamed instead."""
    if path.exists() and set_edited_aside(path) is None:
        path.unlink()


def set_edited_aside(path: Path) -> Path | None:
    """Rename a file that is not as it was written, and say so.

    Returns:
        The new name, or None where there is no such file or nobody has edited it.
    """
    digest = _edited(path)
    if digest is None:
        return None
    kept = _name_aside(path, digest)
    path.rename(kept)
    _tell(path, kept)
    return kept


def copy_before_deletion(paths: Iterable[Path]) -> None:
    """Copy edited files if Snakemake was told to delete all outputs, which spares none of them.

    Args:
        paths: files that count as edited also where nothing is recorded of them.
    """
    if not any(argument.startswith("--delete-a") for argument in sys.argv):
        return
    for path in {*paths, *_recorded()}:
        digest = _edited(path)
        if digest is not None:
            kept = _name_aside(path, digest)
            if not kept.exists():
                shutil.copyfile(path, kept)
                _tell(path, kept)


def _edited(path: Path) -> str | None:
    """The digest of a file that is there and is none of the versions that were written."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    return None if digest in _versions(path) else digest


def _name_aside(path: Path, digest: str) -> Path:
    """A name beside the file that is free, or that has the same content already."""
    name = f"{path.stem}.edited-{digest[:8]}"
    kept, number = path.with_name(f"{name}{path.suffix}"), 1
    while kept.exists() and hashlib.sha256(kept.read_bytes()).hexdigest() != digest:
        number += 1
        kept = path.with_name(f"{name}-{number}{path.suffix}")
    return kept


def _tell(path: Path, kept: Path) -> None:
    if path.suffix == ".xml":
        remedy = "Names of classes belong in the setting `classes`: --config classes=[cat,dog]"
    else:
        remedy = (
            "Labels belong in a file of your own, outside of results/: "
            "--config labelled=my-labels.csv"
        )
    log.warning(
        "%s is not as a run wrote it. Your version is kept as %s.\n  %s", path, kept, remedy
    )


def _record_of(path: Path) -> Path:
    return RECORDS / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"


def _recorded() -> Iterator[Path]:
    """The files of which something is recorded."""
    for record in RECORDS.glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            yield Path(json.loads(record.read_bytes())["path"])


def _versions(path: Path) -> list[str]:
    """The digests that are recorded; none where the record is damaged, which loses nothing."""
    with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
        return [str(digest) for digest in json.loads(_record_of(path).read_bytes())["versions"]]
    return []


def _record(path: Path, digest: str) -> None:
    versions = [known for known in _versions(path) if known != digest]
    content = {"path": str(path), "versions": [*versions, digest][-VERSIONS:]}
    RECORDS.mkdir(parents=True, exist_ok=True)
    with replacing(_record_of(path)) as draft:
        draft.write_text(json.dumps(content), encoding="utf-8")
