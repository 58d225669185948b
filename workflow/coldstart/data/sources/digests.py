"""Digests of files' content, kept so that an unchanged file is read once.

The cache holds them by path, size, times of change and inode. It is optional: without it, or if it
cannot be written, all files are read again. Anybody can set a file's modification time, as archives
and ``rsync -t`` do; the status change time and the inode are set by the kernel alone.
"""

import contextlib
import errno
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.common.atomic import replacing
from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress

SETTLED = 2 * 10**9
"""Nanoseconds since a file's last change after which its digest is kept at once. Sooner, a second
change within the resolution of the file system's clock would go unnoticed."""

BATCH = 4096
"""Number of files that are handed to the threads at once."""

UNREADABLE = "unreadable"
"""Stands for the digest of a file that cannot be read."""

OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that are caused by this process or machine, and not by a file."""


@dataclass(frozen=True)
class File:
    """A file of a set.

    Attributes:
        path: POSIX path below the set's folder.
        size: bytes.
        stamp: time of the last change of the content and of the file, nanoseconds, and inode.
        fault: reason why it cannot be opened, if the listing has found one; else empty.
    """

    path: str
    size: int = 0
    stamp: tuple[int, int, int] = (0, 0, 0)
    fault: str = ""

    @classmethod
    def of(cls, path: str, found: os.stat_result) -> "File":
        """Describe the file at a path by its status."""
        return cls(path, found.st_size, (found.st_mtime_ns, found.st_ctime_ns, found.st_ino))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_files(
    root: Path,
    files: Sequence[File],
    cache: Path | None,
    digest: Callable[[Path], str] = file_digest,
    tolerant: bool = False,
) -> list[str]:
    """Return a digest of each file's content, from the cache if the file has not changed.

    Args:
        root: what the files' paths start from.
        files: as listed.
        cache: a folder for digests; without a usable one, all files are read.
        digest: computes the digest of one file; it must always be the same for a root.
        tolerant: give UNREADABLE as the digest of a file that cannot be read, and raise no error.

    Raises:
        ColdstartError: a file cannot be read.
    """
    kept = _Cache(cache, root)
    found = [UNREADABLE if file.fault else kept.get(file) for file in files]
    missing = [index for index, known in enumerate(found) if known is None]
    progress = Progress(f"read to notice changes in {root}: files", len(missing))

    def take(path: Path) -> str:
        try:
            return digest(path)
        except OSError as error:
            if not tolerant or error.errno in OURS:
                raise
            return UNREADABLE

    try:
        with ThreadPoolExecutor(min(32, 4 * (os.cpu_count() or 1))) as threads:
            for start in range(0, len(missing), BATCH):
                batch = missing[start : start + BATCH]
                paths = [root / files[index].path for index in batch]
                for index, taken in zip(batch, threads.map(take, paths), strict=True):
                    found[index] = taken
                    if taken != UNREADABLE:
                        kept.put(files[index], taken)
                    progress.advance()
    except OSError as error:
        raise ColdstartError(f"{error.filename} cannot be read: {error.strerror}.") from error
    finally:
        if missing:
            kept.write()
    return [known for known in found if known is not None]


class _Cache:
    """Digests by path.

    The digest of a file that has not changed for a while is trusted at once. For any other file,
    such as one with a time in the future, it is trusted when a second look, a while later, finds
    the same digest: an entry holds the time of the first look, or 0 if it is trusted.
    """

    def __init__(self, cache: Path | None, root: Path) -> None:
        name = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()
        self._path = None if cache is None else cache / f"{name}.json"
        self._old: dict[str, list[Any]] = {}
        self._now: dict[str, list[Any]] = {}
        self._time = time.time_ns()
        if self._path is not None:
            with contextlib.suppress(OSError, ValueError):
                content = json.loads(self._path.read_bytes())
                self._old = content if isinstance(content, dict) else {}

    def get(self, file: File) -> str | None:
        match self._old.get(file.path):
            case [file.size, [*stamp], str(digest), 0] if tuple(stamp) == file.stamp:
                self._now[file.path] = [file.size, file.stamp, digest, 0]
                return digest
        return None

    def put(self, file: File, digest: str) -> None:
        seen = self._time
        if max(file.stamp[:2]) < self._time - SETTLED:
            seen = 0
        else:
            match self._old.get(file.path):
                case [file.size, [*stamp], str(before), int(first)] if (
                    tuple(stamp) == file.stamp and before == digest
                ):
                    seen = 0 if first < self._time - SETTLED else first
        self._now[file.path] = [file.size, file.stamp, digest, seen]

    def write(self) -> None:
        """Replace the cache in one step, because others may read it; drop files that are gone."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as draft:
                draft.write_text(json.dumps(self._now), encoding="utf-8")
