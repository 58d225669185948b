"""The content-addressed store: artefacts under their keys, published once and never changed.

Layout::

    objects/ab/<key>/      the files of an artefact and their manifest.json
    tmp/<uuid>/            what is being written; no reader looks here
    by-recipe/ab/<recipe_key>/<key>   empty files: which artefacts were made from one recipe

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

from coldstart.errors import DISK_FULL, ColdstartError
from coldstart.progress import Progress
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

    For a team, make ``root`` with mode 2775: folders that are new in a group's folder stay the
    group's and writable for it, whatever each member's umask. Nothing is ever writable for all.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def has(self, key: str) -> bool:
        """Return True if the artefact is published. Nothing is read, which makes it cheap."""
        return self._is_there(self._folder(key) / MANIFEST)

    @contextlib.contextmanager
    def publishing(
        self, identity: Identity, made: Mapping[str, Any] | None = None
    ) -> Iterator[Path]:
        """Give an empty folder to write plain files into, and publish it when the block ends.

        If somebody else has published the key meanwhile, theirs stays and this copy is dropped.
        If the block raises, nothing is published. Enter once the result is there to be written,
        not around the work: a folder that nobody has written to for a day passes for abandoned.

        Args:
            identity: what the artefact is.
            made: more to record in the manifest of how it was made; ``seconds`` is the time that
                the block took unless it is given here.

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
        """The artefact ``key``, after reading it whole to verify it, once in a process.

        Raises:
            ColdstartError: it is not there, or damaged; the message says what heals it.
        """
        if not self.has_folder(key):
            raise self._missing(key)
        if self._stamp(key) not in _verified:
            for fault in faults(self._folder(key), key):
                raise self._error(fault)
            _verified.add(self._stamp(key))
        return Artefact(key, self._folder(key), self.manifest(key))

    def others(self, recipe_key: str) -> list[str]:
        """Keys of the published artefacts of a recipe, whichever code made them, newest first."""
        try:
            entries = list(os.scandir(self._index_folder(recipe_key)))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable("read", error) from error
        entries.sort(key=lambda entry: (-entry.stat().st_mtime_ns, entry.name))
        return [entry.name for entry in entries if is_key(entry.name) and self.has(entry.name)]

    def keys(self) -> list[str]:
        """Keys of all published artefacts, sorted; damaged ones are among them."""
        return [key for key in self._entries() if self.has(key)]

    def manifest(self, key: str) -> dict[str, Any]:
        """The manifest of ``key``, its files not verified.

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
        """Read every object whole, with progress, and return all that is wrong."""
        entries = self._entries()
        progress = Progress("verify store", len(entries))
        found: list[Fault] = []
        # Hashing lets other threads run, and a few keep a disk or a share busy.
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for of_one in pool.map(lambda key: list(faults(self._folder(key), key)), entries):
                found += of_one
                progress.advance()
        return found

    def discard(self, key: str) -> None:
        """Remove an object, whatever its state; one that is gone already is no error.

        It is first renamed beside itself, so that nobody reads a half-removed object, and because a
        member of the group may rename a folder that only its owner may empty.

        Raises:
            ColdstartError: it cannot be removed.
        """
        aside = self._folder(key).with_name(f"{leftovers.DISCARDED}{leftovers.unique_name()}")
        with self._writing(), contextlib.suppress(FileNotFoundError):
            self._folder(key).rename(aside)
        remove_tree(aside)

    def discard_damaged(self, key: str) -> bool:
        """Remove an object that was found damaged, unless another has published it anew since.

        Returns:
            True if it is gone; False if the object that is there now is sound or cannot be checked.

        Raises:
            ColdstartError: it cannot be removed.
        """
        final = self._folder(key)
        if not is_damaged(final, key):
            return False
        # Between that look and this rename, too, it may be published anew: what counts is the look
        # at what was moved. Nor may another's sweep take it before that, as it would a discarded
        # one: what can be sound is young.
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
                    remove_tree(suspect)
                return False
        remove_tree(suspect)
        return True

    def sweep(self, older_than: float) -> int:
        """Remove what killed processes have left behind; returns how many folders.

        Args:
            older_than: seconds since anything in such a folder was last written to; what was
                discarded goes at any age.

        Raises:
            ColdstartError: there is no store, so that nothing in the folder is this product's.
        """
        self.require_store()
        swept = leftovers.sweep_drafts(self.root / "tmp", older_than)
        swept += leftovers.sweep_objects(self.root / "objects", older_than)
        return len(swept)

    def has_folder(self, key: str) -> bool:
        """Return True if anything takes the place of the artefact, damaged or not."""
        return self._is_there(self._folder(key))

    def require_folder(self) -> None:
        """Make sure that the store is there.

        Raises:
            ColdstartError: it is not, or it may not be read.
        """
        # The first needs the right to search the folder; the second finds an empty store.
        if not (self._is_there(self.root / "objects") or self._is_there(self.root)):
            raise ColdstartError(
                f"There is no store at {self.root}. If it is a share, mount it; or correct or drop "
                f"it in the list of stores: {SETTING}."
            )

    def require_store(self) -> None:
        """Make sure that the folder is a store, before anything in it is removed.

        Raises:
            ColdstartError: it is not there, or holds other things than a store.
        """
        self.require_folder()
        if not (leftovers.is_store(self.root) or leftovers.is_empty(self.root)):
            raise ColdstartError(
                f"There is no store at {self.root}: the folder is not empty and lacks `objects` "
                f"or `by-recipe`. Nothing was removed. Name a store: --store, or {SETTING}."
            )

    def require_writable(self) -> None:
        """Make sure that this user may publish, before work is done that is to be published.

        Raises:
            ColdstartError: the store cannot be written to.
        """
        with self._writing():
            self._draft().rmdir()

    def _draft(self) -> Path:
        """A new empty folder below ``tmp``.

        Raises:
            ColdstartError: it cannot be made, or ``tmp`` is somebody else's.
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
            raise ColdstartError(f"{key!r} is not the key of an artefact: 64 hexadecimal digits.")
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
        """Names of all folders in the places of objects, with or without a manifest."""
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
        """A stamp that differs between an object and its later replacement."""
        folder = self._folder(key).absolute()
        try:
            found = (folder / MANIFEST).stat()
        except OSError:
            return folder, 0, 0
        return folder, found.st_ino, found.st_mtime_ns

    def _index(self, identity: Identity) -> None:
        # Before the object: an entry without an object is passed over, the opposite is not found.
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
        """Turn system errors, or only those of these numbers, into messages about the store."""
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
        place = error.filename2 or error.filename  # of a copy, the second is where it went
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
        return f"{self.remedy} removes it, and Snakemake makes it again."
