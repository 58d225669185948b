"""Folders and files of a store: shared with a group, on the disk, removed."""

import contextlib
import os
import shutil
import stat
from pathlib import Path


def make_folder(path: Path) -> None:
    """Make a folder and those above it: never world-writable, and the group's where its parent is.

    The set-group-ID bit and the group come from the parent by themselves; the umask would take the
    group's rights away.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(mode=0o775)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    shared = stat.S_ISGID | stat.S_IWGRP
    if path.parent.stat().st_mode & shared == shared:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IRWXG)


def sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_written(folder: Path) -> float:
    """When anything in a folder was last written to, in seconds since 1970."""
    times = [0.0]
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            times.append(path.lstat().st_mtime)
    return max(times)


def remove_tree(folder: Path) -> None:
    """Remove as much as this user may; what is left is swept by its owner."""
    shutil.rmtree(folder, ignore_errors=True)
