"""Operations on a store's files: share them with a group, flush them to the disk, remove them."""

import contextlib
import os
import shutil
import stat
import threading
from pathlib import Path

_umask = threading.Lock()


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents, never world-writable.

    A folder in one that is shared with a group is shared too. It inherits the group and the
    set-group-ID bit from its parent, but the umask could take the group's right to write away.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    shared = stat.S_ISGID | stat.S_IWGRP
    if path.parent.stat().st_mode & shared != shared:
        path.mkdir(mode=0o775, exist_ok=True)
        return
    # The umask is changed because the folder must be group-writable from the start. With a chmod
    # afterwards, another member could find the folder before it is writable. Renaming a finished
    # folder into place would replace an empty one that another process is about to write into. The
    # umask is shared by all threads: a file that another thread makes at this moment may become
    # group-writable.
    with _umask:
        umask = os.umask(0o077)
        os.umask(umask & ~stat.S_IRWXG)
        try:
            path.mkdir(mode=0o775, exist_ok=True)
        finally:
            os.umask(umask)


def sync(path: Path) -> None:
    """Flush a file, or the list of names of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_written(folder: Path) -> float:
    """Time of the last write to anything in a folder, in seconds since 1970."""
    times = [0.0]
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            times.append(path.lstat().st_mtime)
    return max(times)


def touch(folder: Path) -> None:
    """Mark a folder as in use. A folder that is gone or belongs to another user is left alone."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def remove_tree(folder: Path) -> None:
    """Remove as much of a folder as this user may; a sweep by its owner removes the rest."""
    shutil.rmtree(folder, ignore_errors=True)
