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
import shutil
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.errors import ColdstartError
from coldstart.progress import Progress
from coldstart.store.identity import Identity
from coldstart.store.manifest import (
    MANIFEST,
    Fault,
    compose,
    faults,
    file_digest,
    is_key,
    read_manifest,
)
from coldstart.store.provenance import provenance

_DISCARDED = ".discarded-"
_verified: set[tuple[Path, int, int]] = set()


@dataclass(frozen=True)
class Artefact:
    """A verified object of the store, to be read and never written to."""

    key: str
    folder: Path
    manifest: dict[str, Any]

    def path(self, name: str) -> Path:
        """The path of the file ``name``.

        Raises:
            ColdstartError: the artefact has no such file.
        """
        if name not in self.manifest["files"]:
            there = ", ".join(sorted(self.manifest["files"]))
            raise ColdstartError(
                f"Artefact {self.key} ({self.manifest['stage']}) has no file {name!r}; "
                f"it has {there}."
            )
        return self.folder / name


class Store:
    """Artefacts in the folder ``root``, which is made when the first one is published.

    For a team, make ``root`` with mode 2775: folders that are new in a group's folder stay the
    group's and writable for it, whatever each member's umask. Nothing is ever writable for all.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def has(self, key: str) -> bool:
        """Whether the artefact is published; cheap, nothing but its presence is looked at."""
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
        folder = self.root / "tmp" / uuid.uuid4().hex
        start = time.monotonic()
        with self._writing():
            _make_folder(folder)
        try:
            yield folder
            record = {"seconds": round(time.monotonic() - start, 3), **provenance(), **(made or {})}
            with self._writing():
                _seal(folder, identity, record)
                self._index(identity)
                self._place(folder, identity.key)
        finally:
            _remove_tree(folder)

    def open(self, key: str) -> Artefact:
        """The artefact ``key``, after reading it whole to verify it, once in a process.

        Raises:
            ColdstartError: it is not there, or damaged; the message says what heals it.
        """
        if not self._is_there(self._folder(key)):
            raise ColdstartError(
                f"Artefact {key} is not in the store {self.root}. {self.remedy} removes the "
                "pointer files under results/ that still name it, so that Snakemake makes it again."
            )
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
        for key in entries:
            found += faults(self._folder(key), key)
            progress.advance()
        return found

    def discard(self, key: str) -> None:
        """Remove an object, whatever its state; one that is gone already is no error.

        It is first renamed beside itself, so that nobody reads a half-removed object, and because a
        member of the group may rename a folder that only its owner may empty.

        Raises:
            ColdstartError: it cannot be removed.
        """
        aside = self._folder(key).with_name(f"{_DISCARDED}{uuid.uuid4().hex}")
        with self._writing(), contextlib.suppress(FileNotFoundError):
            self._folder(key).rename(aside)
        _remove_tree(aside)

    def sweep(self, older_than: float) -> int:
        """Remove what killed publishers have left behind; returns how many folders.

        Args:
            older_than: seconds since anything in such a folder was last written to.
        """
        leftovers = [
            folder
            for folder in (self.root / "tmp").glob("*")
            if time.time() - _last_written(folder) > older_than
        ]
        leftovers += (self.root / "objects").glob(f"*/{_DISCARDED}*")
        for folder in leftovers:
            _remove_tree(folder)
        return sum(not folder.exists() for folder in leftovers)

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
        """Everything that takes the place of an object, also where the manifest is gone."""
        found = (self.root / "objects").glob("??/*")
        return sorted(p.name for p in found if is_key(p.name) and p.name[:2] == p.parent.name)

    def _stamp(self, key: str) -> tuple[Path, int, int]:
        """Differs between an object and what has taken its place since."""
        folder = self._folder(key).absolute()
        try:
            found = (folder / MANIFEST).stat()
        except OSError:
            return folder, 0, 0
        return folder, found.st_ino, found.st_mtime_ns

    def _index(self, identity: Identity) -> None:
        # Before the object: an entry without an object is passed over, the opposite is not found.
        folder = self._index_folder(identity.recipe_key)
        _make_folder(folder)
        with contextlib.suppress(FileExistsError):
            (folder / identity.key).touch(mode=0o664, exist_ok=False)

    def _place(self, folder: Path, key: str) -> None:
        """Rename ``folder`` to its place, unless a sound object is there already."""
        final = self._folder(key)
        _make_folder(final.parent)
        while True:
            try:
                folder.rename(final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            else:
                _sync(final.parent)
                _verified.add(self._stamp(key))
                return
            fault = next(faults(final, key), None)
            if fault is None:
                return
            if not fault.damaged:
                raise self._error(fault)
            self.discard(key)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._unusable("write to", error) from error

    def _unusable(self, verb: str, error: OSError) -> ColdstartError:
        where = f" ({error.filename})" if error.filename else ""
        return ColdstartError(
            f"Cannot {verb} the store {self.root}{where}: {error.strerror}. Free space or ask its "
            "owner for access to it, or name another folder: `store` in config.yaml, or the "
            "environment variable COLDSTART_STORE."
        )

    @property
    def remedy(self) -> str:
        """The command that removes what is damaged, for messages."""
        return f"`coldstart store verify --heal --store {self.root}`"

    def _error(self, fault: Fault) -> ColdstartError:
        what = f"Artefact {fault.key} in the store {self.root}: {fault.file} {fault.what}."
        if not fault.damaged:
            return ColdstartError(f"{what} It may be sound: ask whoever published it for access.")
        return ColdstartError(f"{what} {self.remedy} removes it, and Snakemake makes it again.")


def _make_folder(path: Path) -> None:
    """Make a folder and those above it: never world-writable, and the group's where its parent is.

    The set-group-ID bit and the group come from the parent by themselves; the umask would take the
    group's right to write away.
    """
    if path.is_dir():
        return
    _make_folder(path.parent)
    try:
        path.mkdir(mode=0o775)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    shared = stat.S_ISGID | stat.S_IWGRP
    if path.parent.stat().st_mode & shared == shared:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | stat.S_IWGRP)


def _seal(folder: Path, identity: Identity, made: Mapping[str, Any]) -> None:
    """Hash the files, write the manifest, and bring all of it to the disk, read-only."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name == MANIFEST or "\\" in entry.name or not entry.is_file(follow_symlinks=False):
            raise ValueError(
                f"{entry.path}: an artefact has plain files only, none called {MANIFEST}"
            )
    if not entries:
        raise ValueError(f"no file was written for the artefact {identity.key} ({identity.stage})")
    files = {
        entry.name: {"sha256": file_digest(Path(entry.path)), "bytes": entry.stat().st_size}
        for entry in entries
    }
    (folder / MANIFEST).write_text(compose(identity, files, made), encoding="utf-8")
    # The folder has the umask in its mode, and the team's group. A file need not: its writer may
    # have chosen a mode, and one that was moved here keeps the group that it had.
    own = folder.stat()
    for name in [*files, MANIFEST]:
        _sync(folder / name)
        if (folder / name).stat().st_gid != own.st_gid:
            os.chown(folder / name, -1, own.st_gid)
        (folder / name).chmod(stat.S_IMODE(own.st_mode) & 0o444)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_written(folder: Path) -> float:
    times = [0.0]
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            times.append(path.lstat().st_mtime)
    return max(times)


def _remove_tree(folder: Path) -> None:
    """Remove as much as this user may; what is left is swept by its owner."""
    shutil.rmtree(folder, ignore_errors=True)
