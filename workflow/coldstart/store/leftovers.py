"""Folders that killed processes leave behind, and the proof that this product made them.

A folder is removed only where all of this holds: it stands in a folder that publishing or a job
made; its name is one that they give; it is a folder and no link; and nobody has written to it for
``STALE`` seconds. Whoever works in such a folder for longer keeps it alive.
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
"""Prefixes of the names of objects that are about to be removed, or looked at."""

_UNIQUE = re.compile("[0-9a-f]{32}")


def unique_name() -> str:
    """A name for a draft: 32 hexadecimal digits that no other process has."""
    return uuid.uuid4().hex


def is_store(root: Path) -> bool:
    """Return True if something was published in ``root``; that makes both of these folders."""
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
        folder: where drafts are made, and nothing else.
        older_than: seconds since anything in a draft was last written to.
    """
    return _remove(_abandoned(folder.glob("*"), "", older_than))


def sweep_objects(objects: Path, older_than: float = STALE) -> list[Path]:
    """Remove what was moved aside in a store's ``objects``; returns the folders that are gone.

    Args:
        objects: the folder with the objects.
        older_than: seconds since anything in an object that was only looked at was last written
            to; one that was discarded goes at any age.
    """
    return _remove(
        [
            *_abandoned(objects.glob(f"??/{SUSPECT}*"), SUSPECT, older_than),
            *_abandoned(objects.glob(f"??/{DISCARDED}*"), DISCARDED, -1.0),
        ]
    )


@contextmanager
def kept_alive(folder: Path, every: float = BEAT) -> Iterator[None]:
    """Touch ``folder`` now and then while the block runs, so that nobody takes it for abandoned."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every):
            touch(folder)

    thread = threading.Thread(target=beat, name="draft kept alive", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _abandoned(found: Iterator[Path], prefix: str, older_than: float) -> list[Path]:
    return [
        path
        for path in found
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
