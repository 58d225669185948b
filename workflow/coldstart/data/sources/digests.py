"""Digests of files' content, kept so that an unchanged file is read once.

They are kept by path, size, times of change and inode, in a cache that nobody needs: without it, or
where it cannot be written, all files are read again. The time of the last change of the content can
be set by anybody, and archives and ``rsync -t`` do; the other time and the inode are the kernel's.
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

from coldstart.errors import ColdstartError
from coldstart.files.atomic import replacing
from coldstart.progress import Progress

SETTLED = 2 * 10**9
"""Nanoseconds for which a file must have been left alone for its digest to be kept at once: a
change within the resolution of the file system's clock would go unnoticed."""

BATCH = 4096
"""Files that wait for a thread at a time."""

UNREADABLE = "unreadable"
"""Stands for the digest of a file that cannot be read."""

OURS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say something of this process or machine, and nothing of a file."""


@dataclass(frozen=True)
class File:
    """A file of a set.

    Attributes:
        path: POSIX path below the set's folder.
        size: bytes.
        stamp: time of the last change of the content and of the file, nanoseconds, and inode.
        fault: why it cannot be opened, known without trying; empty for most.
    """

    path: str
    size: int = 0
    stamp: tuple[int, int, int] = (0, 0, 0)
    fault: str = ""

    @classmethod
    def of(cls, path: str, found: os.stat_result) -> "File":
        """The file at a path, from what the system says of it."""
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
    """A digest of each file's content, from the cache where the file has not changed since.

    Args:
        root: what the files' paths start from.
        files: as listed.
        cache: a folder for digests; None, or one that cannot be used, only costs time.
        digest: takes the digest of one file; each root has to be asked with one and the same.
        tolerant: whether UNREADABLE stands for the digest of a file that cannot be read.

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

    A digest counts at once for a file that was left alone for a while. For any other, such as one
    whose time lies ahead of the clock, it counts once a second look, a while later, finds the
    same: an entry holds when the file was first found so, or 0 where that does not matter.
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
        """Replace the file in one step, for others may read it; files that are gone go."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._path) as draft:
                draft.write_text(json.dumps(self._now), encoding="utf-8")
