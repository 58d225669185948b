"""Folders and files of a store: shared with a group, on the disk, removed."""

import contextlib
import os
import shutil
import stat
import threading
from pathlib import Path

_umask = threading.Lock()


def make_folder(path: Path) -> None:
    """Make a folder and those above it: never world-writable, and the group's where its parent is.

    The set-group-ID bit and the group come from the parent by themselves; the umask would take the
    group's rights away.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    shared = stat.S_ISGID | stat.S_IWGRP
    if path.parent.stat().st_mode & shared != shared:
        path.mkdir(mode=0o775, exist_ok=True)
        return
    # Not by chmod: another member may find the folder before that, and may not write to it. Nor by
    # renaming a finished one: that replaces an empty folder, and whoever is on the way into it
    # finds it gone. The umask is the process's: a file that another thread makes at this moment may
    # be writable for the group.
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
    """Mark a folder as in use; one that is gone, or another user's, is left alone."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def remove_tree(folder: Path) -> None:
    """Remove as much as this user may; what is left is swept by its owner."""
    shutil.rmtree(folder, ignore_errors=True)
