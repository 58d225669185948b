"""Digests of files' content, kept so that an unchanged file is read once.

They are kept by path, size and time of change, in a cache that nobody needs: without it, or where
it cannot be written, all files are read again.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.atomic import replacing
from coldstart.errors import ColdstartError
from coldstart.progress import Progress

SETTLED = 2 * 10**9
"""Nanoseconds for which a file must have been left alone for its digest to be kept: a change
within the resolution of the file system's clock would go unnoticed."""

BATCH = 4096
"""Files that wait for a thread at a time."""


@dataclass(frozen=True)
class File:
    """A file of a set.

    Attributes:
        path: POSIX path below the set's folder.
        size: bytes.
        changed: time of the last change, nanoseconds.
    """

    path: str
    size: int
    changed: int


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(
    root: Path,
    files: Sequence[File],
    cache: Path | None,
    digest: Callable[[Path], str] = file_digest,
) -> list[str]:
    """A digest of each file's content, from the cache where the file has not changed since.

    Args:
        root: what the files' paths start from.
        files: as listed.
        cache: a folder for digests; None, or one that cannot be used, only costs time.
        digest: takes the digest of one file; each root has to be asked with one and the same.

    Raises:
        ColdstartError: a file cannot be read.
    """
    kept = _Cache(cache, root)
    found = [kept.get(file) for file in files]
    missing = [index for index, known in enumerate(found) if known is None]
    progress = Progress(f"read to notice changes in {root}: files", len(missing))
    now = time.time_ns()
    try:
        with ThreadPoolExecutor(min(32, 4 * (os.cpu_count() or 1))) as threads:
            for start in range(0, len(missing), BATCH):
                batch = missing[start : start + BATCH]
                paths = [root / files[index].path for index in batch]
                for index, taken in zip(batch, threads.map(digest, paths), strict=True):
                    found[index] = taken
                    if files[index].changed < now - SETTLED:
                        kept.put(files[index], taken)
                    progress.advance()
    except OSError as error:
        raise ColdstartError(f"{error.filename} cannot be read: {error.strerror}.") from error
    finally:
        if missing:
            kept.write()
    return [known for known in found if known is not None]


class _Cache:
    def __init__(self, cache: Path | None, root: Path) -> None:
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
        self._path = None if cache is None else cache / f"{name}.json"
        self._old: dict[str, list[Any]] = {}
        self._now: dict[str, list[Any]] = {}
        if self._path is not None:
            with contextlib.suppress(OSError, ValueError):
                content = json.loads(self._path.read_bytes())
                self._old = content if isinstance(content, dict) else {}

    def get(self, file: File) -> str | None:
        match self._old.get(file.path):
            case [file.size, file.changed, str(digest)]:
                self.put(file, digest)
                return digest
        return None

    def put(self, file: File, digest: str) -> None:
        self._now[file.path] = [file.size, file.changed, digest]

    def write(self) -> None:
        """Replace the file in one step, for others may read it; files that are gone go."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as draft:
                draft.write_text(json.dumps(self._now), encoding="utf-8")
