"""The content-addressed store: artefacts under their keys, published once and never changed.

Layout::

    objects/ab/<key>/      the files of an artefact and their manifest.json
    tmp/<uuid>/            artefacts that are being written; no reader looks here
    by-recipe/ab/<recipe_key>/<key>   empty files that name the artefacts of a recipe

Publishing renames a finished folder into place, which is atomic, also on NFS; nothing is locked.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from coldstart.common.errors import DISK_FULL, ColdstartError
from coldstart.common.progress import Progress
from coldstart.store import leftovers
from coldstart.store.artefact import Artefact
from coldstart.store.files import make_folder, remove_tree, sync
from coldstart.store.identity import Identity
from coldstart.store.manifest import (
    MANIFEST,
    Fault,
    faults,
    is_damaged,
    is_key,
    read_manifest,
    seal,
)
from coldstart.store.provenance import provenance

SETTING = "`store` in config.yaml or --config, or the environment variable COLDSTART_STORE"
"""Places where a user names the stores, for messages."""

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)
"""Error numbers of a rename onto an existing folder."""

_verified: set[tuple[Path, int, int]] = set()


class Store:
    """Artefacts in the folder ``root``, which is made when the first one is published.

    For a team, make ``root`` with mode 2775: all folders that are made in it then belong to the
    group and are group-writable, whatever each member's umask. Nothing is ever world-writable.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def has(self, key: str) -> bool:
        """Return True if the artefact is published. This is cheap, because no file is read."""
        return self._is_there(self._folder(key) / MANIFEST)

    @contextlib.contextmanager
    def publishing(
        self, identity: Identity, made: Mapping[str, Any] | None = None
    ) -> Iterator[Path]:
        """Give an empty folder to write plain files into, and publish it when the block ends.

        If somebody else has published the key meanwhile, their copy stays and this one is dropped.
        If the block raises, nothing is published. The block should only write a finished result,
        not compute it: a folder that nobody has written to for a day counts as abandoned.

        Args:
            identity: the identity of the artefact.
            made: facts to add to ``made`` in the manifest; by default, ``seconds`` is the time that
                the block took.

        Raises:
            ColdstartError: the store cannot be written to.
            ValueError: the block left something other than plain files, or nothing.
        """
        start = time.monotonic()
        folder = self._draft()
        try:
            with self._writing(*DISK_FULL):
                yield folder
            record = {"seconds": round(time.monotonic() - start, 3), **provenance(), **(made or {})}
            with self._writing():
                seal(folder, identity, record)
                self._index(identity)
                self._place(folder, identity.key)
        finally:
            remove_tree(folder)

    def open(self, key: str) -> Artefact:
        """Return the artefact ``key``. All its files are read and verified, once per process.

        Raises:
            ColdstartError: it is not there, or damaged; the message names the remedy.
        """
        if not self.has_folder(key):
            raise self._missing(key)
        if self._stamp(key) not in _verified:
            for fault in faults(self._folder(key), key):
                raise self._error(fault)
            _verified.add(self._stamp(key))
        return Artefact(key, self._folder(key), self.manifest(key))

    def others(self, recipe_key: str) -> list[str]:
        """Keys of the published artefacts of a recipe, made by any code, newest first."""
        try:
            entries = list(os.scandir(self._index_folder(recipe_key)))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable("read", error) from error
        entries.sort(key=lambda entry: (-entry.stat().st_mtime_ns, entry.name))
        return [entry.name for entry in entries if is_key(entry.name) and self.has(entry.name)]

    def keys(self) -> list[str]:
        """Keys of all published artefacts, sorted; they include damaged ones."""
        return [key for key in self._entries() if self.has(key)]

    def manifest(self, key: str) -> dict[str, Any]:
        """Return the manifest of ``key``; the files are not verified.

        Raises:
            ColdstartError: there is none, or it cannot be read.
        """
        try:
            return read_manifest(self._folder(key))
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            raise self._error(Fault(key, MANIFEST, what, damaged=False)) from error
        except ValueError as error:
            raise self._error(Fault(key, MANIFEST, str(error))) from error

    def verify(self) -> list[Fault]:
        """Read and verify every object, with progress, and return all faults."""
        entries = self._entries()
        progress = Progress("verify store", len(entries))
        found: list[Fault] = []
        # Threads, not processes: hashing releases Python's lock, and a few keep a disk busy.
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for in_object in pool.map(lambda key: list(faults(self._folder(key), key)), entries):
                found += in_object
                progress.advance()
        return found

    def discard(self, key: str) -> None:
        """Remove an object, sound or damaged; it is no error if it is gone already.

        It is renamed first, so that nobody reads a half-removed object, and because a member of the
        group may rename a folder that only its owner may empty.

        Raises:
            ColdstartError: it cannot be removed.
        """
        aside = self._folder(key).with_name(f"{leftovers.DISCARDED}{leftovers.unique_name()}")
        with self._writing(), contextlib.suppress(FileNotFoundError):
            self._folder(key).rename(aside)
        remove_tree(aside)

    def discard_damaged(self, key: str) -> bool:
        """Remove an object that was found damaged, unless a sound one has replaced it since.

        Returns:
            True if it is gone; False if the object that is there now is sound or cannot be checked.

        Raises:
            ColdstartError: it cannot be removed.
        """
        final = self._folder(key)
        if not is_damaged(final, key):
            return False
        # A sound object may replace it between this check and the rename, so the renamed folder is
        # checked again, and put back if it is sound. Until then it is a suspect: a sweep by another
        # process removes suspects only when they are old, but discarded objects at any age.
        suspect = final.with_name(f"{leftovers.SUSPECT}{leftovers.unique_name()}")
        with self._writing():
            try:
                final.rename(suspect)
            except FileNotFoundError:
                return True
            if not is_damaged(suspect, key):
                try:
                    suspect.rename(final)
                except OSError as error:
                    if error.errno not in _TAKEN:
                        raise
                    remove_tree(suspect)  # yet another copy was published meanwhile
                return False
        remove_tree(suspect)
        return True

    def sweep(self, older_than: float) -> int:
        """Remove what killed processes have left behind; returns how many folders.

        Args:
            older_than: a folder is removed if its last write is more seconds ago than this;
                discarded objects are removed at any age.

        Raises:
            ColdstartError: the folder is not a store, so nothing in it may be removed.
        """
        self.require_store()
        swept = leftovers.sweep_drafts(self.root / "tmp", older_than)
        swept += leftovers.sweep_objects(self.root / "objects", older_than)
        return len(swept)

    def has_folder(self, key: str) -> bool:
        """Return True if there is an object at the artefact's place, damaged or not."""
        return self._is_there(self._folder(key))

    def require_folder(self) -> None:
        """Make sure that the store is there.

        Raises:
            ColdstartError: it is not, or this user may not read it.
        """
        # The first check fails without the right to search the folder; the second finds a new store
        # that is still empty.
        if not (self._is_there(self.root / "objects") or self._is_there(self.root)):
            raise ColdstartError(
                f"There is no store at {self.root}. If it is a share, mount it; or correct or drop "
                f"it in the list of stores: {SETTING}."
            )

    def require_store(self) -> None:
        """Make sure that the folder is a store, before anything in it is removed.

        Raises:
            ColdstartError: the folder is not there, or is not a store.
        """
        self.require_folder()
        if not (leftovers.is_store(self.root) or leftovers.is_empty(self.root)):
            raise ColdstartError(
                f"There is no store at {self.root}: the folder is not empty and lacks `objects` "
                f"or `by-recipe`. Nothing was removed. Name a store: --store, or {SETTING}."
            )

    def require_writable(self) -> None:
        """Make sure that this user may publish, before a result is computed in vain.

        Raises:
            ColdstartError: the store cannot be written to.
        """
        with self._writing():
            self._draft().rmdir()

    def _draft(self) -> Path:
        """Make an empty folder below ``tmp``.

        Raises:
            ColdstartError: it cannot be made, or ``tmp`` holds files that are not drafts.
        """
        with self._writing():
            foreign = leftovers.foreign_drafts(self.root)
            if foreign and not leftovers.is_store(self.root):
                raise ColdstartError(
                    f"{self.root} cannot become a store: its folder `tmp` holds other things, such "
                    f"as {foreign[0].name}. Make a folder for the store alone and name it: "
                    f"{SETTING}."
                )
            folder = self.root / "tmp" / leftovers.unique_name()
            make_folder(folder)
        return folder

    def _folder(self, key: str) -> Path:
        if not is_key(key):
            raise ColdstartError(
                f"{key!r} is not the key of an artefact, which has 64 hexadecimal digits."
            )
        return self.root / "objects" / key[:2] / key

    def _is_there(self, path: Path) -> bool:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise self._unusable("read", error) from error
        return True

    def _index_folder(self, recipe_key: str) -> Path:
        return self.root / "by-recipe" / recipe_key[:2] / recipe_key

    def _entries(self) -> list[str]:
        """Keys of all objects, including those without a manifest."""
        objects = self.root / "objects"
        shards = [shard for shard in self._names(objects) if len(shard) == 2]
        found = [
            key for shard in shards for key in self._names(objects / shard) if key[:2] == shard
        ]
        return sorted(filter(is_key, found))

    def _names(self, folder: Path) -> list[str]:
        try:
            return os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._unusable("read", error) from error

    def _stamp(self, key: str) -> tuple[Path, int, int]:
        """Return a stamp that differs between an object and a later one with the same key."""
        folder = self._folder(key).absolute()
        try:
            found = (folder / MANIFEST).stat()
        except OSError:
            return folder, 0, 0
        return folder, found.st_ino, found.st_mtime_ns

    def _index(self, identity: Identity) -> None:
        # Written before the object is placed: readers skip an entry without an object, but would
        # not find an object without an entry.
        folder = self._index_folder(identity.recipe_key)
        make_folder(folder)
        with contextlib.suppress(FileExistsError):
            (folder / identity.key).touch(mode=0o664, exist_ok=False)

    def _place(self, folder: Path, key: str) -> None:
        """Rename ``folder`` to its place, unless a sound object is there already."""
        final = self._folder(key)
        make_folder(final.parent)
        while True:
            try:
                folder.rename(final)
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
            else:
                sync(final.parent)
                _verified.add(self._stamp(key))
                return
            fault = next(faults(final, key), None)
            if fault is None:
                return
            if not fault.damaged:
                raise self._error(fault)
            self.discard_damaged(key)

    @contextlib.contextmanager
    def _writing(self, *errors: int) -> Iterator[None]:
        """Turn system errors (if given, only those numbers) into errors about the store."""
        try:
            yield
        except OSError as error:
            if errors and error.errno not in errors:
                raise
            raise self._unusable("write to", error) from error

    def _unusable(self, verb: str, error: OSError) -> ColdstartError:
        if error.errno in DISK_FULL:
            remedy = "Nothing was published. Free space there, or put another folder first"
        elif verb == "read":
            remedy = "Ask its owner for the right to read it, or drop it from the list of stores"
        else:
            remedy = (
                "Ask its owner for the right to write to it; or put a folder of your own before it "
                f"(results/store{os.pathsep}{self.root}), and it is only read"
            )
        place = error.filename2 or error.filename  # a rename has both; the second is its target
        where = f" ({place})" if place else ""
        return ColdstartError(
            f"Cannot {verb} the store {self.root}{where}: {error.strerror}. {remedy}: {SETTING}."
        )

    def _missing(self, key: str) -> ColdstartError:
        return ColdstartError(
            f"Artefact {key} is not in {self._where}. {self.remedy} removes the pointer files "
            "under results/ that still name it, so that Snakemake makes it again."
        )

    @property
    def _where(self) -> str:
        """The place that was searched for an artefact, for messages."""
        return f"the store {self.root}"

    @property
    def remedy(self) -> str:
        """The command that removes what is damaged, for messages."""
        return f"`coldstart store verify --heal --store {self.root}`"

    def _error(self, fault: Fault) -> ColdstartError:
        what = f"Artefact {fault.key} in the store {self.root}: {fault.file} {fault.what}."
        if not fault.damaged:
            return ColdstartError(f"{what} It may be sound: ask whoever published it for access.")
        return ColdstartError(f"{what} {self._mending}")

    @property
    def _mending(self) -> str:
        """The remedy for a damaged artefact, for messages."""
        return f"{self.remedy} removes it, and Snakemake makes it again."
