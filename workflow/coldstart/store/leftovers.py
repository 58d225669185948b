"""Removal of abandoned folders, which killed processes leave behind, and of nothing else.

A folder is removed only if all of this holds: it lies in a folder that publishing or a job made;
its name has the form that they use; it is not a link; and nobody has written to it for ``STALE``
seconds. A process that works in such a folder for longer wraps the work in ``kept_alive``.
"""

import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coldstart.store.files import last_written, remove_tree, touch

STALE = 24 * 3600.0
"""Seconds after which a folder that nobody writes to counts as abandoned."""

BEAT = 3600.0
"""Seconds between two touches of a folder that is kept alive."""

WORK = ".work"
"""The folder in a clone's results where a job writes before its artefact is published."""

DISCARDED, SUSPECT = ".discarded-", ".suspect-"
"""Prefixes for the names of objects that were set aside to be removed, or to be checked."""

_UNIQUE = re.compile("[0-9a-f]{32}")


def unique_name() -> str:
    """Return a name for a draft, 32 hexadecimal digits, that no other process uses."""
    return uuid.uuid4().hex


def is_store(root: Path) -> bool:
    """Return True if something was published in ``root``: publishing makes both folders."""
    return (root / "objects").is_dir() and (root / "by-recipe").is_dir()


def is_empty(root: Path) -> bool:
    """Return True for a folder with nothing in it but drafts."""
    return root.is_dir() and all(
        path.name == "tmp" and path.is_dir() and all(map(_is_unique, path.iterdir()))
        for path in root.iterdir()
    )


def foreign_drafts(root: Path) -> list[Path]:
    """Members of ``tmp`` in ``root`` that publishing cannot have made."""
    return sorted(path for path in (root / "tmp").glob("*") if not _is_unique(path))


def sweep_drafts(folder: Path, older_than: float = STALE) -> list[Path]:
    """Remove the abandoned drafts in ``folder``; returns those that are gone.

    Args:
        folder: a folder for drafts alone.
        older_than: a draft is abandoned if its last write is more seconds ago than this.
    """
    return _remove(_abandoned(folder.glob("*"), "", older_than))


def sweep_objects(objects: Path, older_than: float = STALE) -> list[Path]:
    """Remove what was set aside in a store's ``objects``; returns the folders that are gone.

    Args:
        objects: the folder with the objects.
        older_than: an object that was set aside to be checked is removed if its last write is more
            seconds ago than this; one that was discarded is removed at any age.
    """
    return _remove(
        [
            *_abandoned(objects.glob(f"??/{SUSPECT}*"), SUSPECT, older_than),
            *_abandoned(objects.glob(f"??/{DISCARDED}*"), DISCARDED, -1.0),  # at any age
        ]
    )


@contextmanager
def kept_alive(folder: Path, every: float = BEAT) -> Iterator[None]:
    """Touch ``folder`` every ``every`` seconds during the block, so that no sweep removes it."""
    finished = threading.Event()

    def touch_regularly() -> None:
        while not finished.wait(every):
            touch(folder)

    thread = threading.Thread(target=touch_regularly, name="draft kept alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _abandoned(paths: Iterator[Path], prefix: str, older_than: float) -> list[Path]:
    return [
        path
        for path in paths
        if _is_unique(path, prefix)
        and path.is_dir()
        and not path.is_symlink()
        and time.time() - last_written(path) > older_than
    ]


def _is_unique(path: Path, prefix: str = "") -> bool:
    return _UNIQUE.fullmatch(path.name.removeprefix(prefix)) is not None


def _remove(folders: list[Path]) -> list[Path]:
    for folder in folders:
        remove_tree(folder)
    return [folder for folder in folders if not folder.exists()]
