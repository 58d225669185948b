"""The ends of a copy: a store on a file system, or a store at an address that fsspec knows.

Both have the same layout, ``objects/ab/<key>/``; at an address there are no drafts and no index.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Protocol

from coldstart.common.errors import ColdstartError
from coldstart.store.manifest import MANIFEST, is_key
from coldstart.store.objects import Store
from coldstart.store.received import Pour, parse, receive

CHUNK = 1_000_000
"""Bytes that are read at once, and the unit of the progress that is shown."""

# The extra of the package ``coldstart`` that installs what a protocol needs.
_EXTRAS = {"s3": "s3", "s3a": "s3", "sftp": "sftp", "ssh": "sftp"}
_OBJECT_STORES = {"s3", "gs", "abfs", "oss"}
_FOLDERS = ("file", "local")


class End(Protocol):
    """One end of a copy: its source or its destination."""

    name: str
    """The address as the user wrote it."""

    def keys(self) -> list[str]:
        """Keys of what is published there, sorted."""

    def manifest(self, key: str) -> dict[str, Any]:
        """The manifest of a published artefact."""

    def sound(self, key: str) -> bool:
        """Return True if the artefact is published there and need not be copied again."""

    def read(self, key: str, file: str) -> Iterator[bytes]:
        """A file of a published artefact, in pieces of ``CHUNK`` bytes."""

    def receive(self, key: str, manifest: dict[str, Any], pour: Pour) -> None:
        """Publish an artefact, after reading back and verifying all that was written."""


def end_at(address: str) -> End:
    """Return the end at a folder, or at an address such as ``s3://bucket/prefix``.

    Raises:
        ColdstartError: the address is of an unknown kind, or needs a package that is not installed.
    """
    protocol, separator, path = address.partition("://")
    if not separator:
        return Folder(Path(address).expanduser(), address)
    if protocol in _FOLDERS:
        return Folder(Path(path), address)
    import fsspec  # not at the top: copies between folders do not need it

    try:
        files, root = fsspec.core.url_to_fs(address)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        remedy = f"pip install 'coldstart[{extra}]'" if extra else str(error)
        raise ColdstartError(f"{address}: {protocol}:// needs another package: {remedy}") from error
    except Exception as error:  # each kind of address has errors of its own
        raise _unreachable(address, error) from error
    return Remote(files, root, address)


class Folder:
    """A store on a file system."""

    def __init__(self, root: Path, name: str) -> None:
        self.store, self.name = Store(root), name

    def keys(self) -> list[str]:
        """Keys of what is published there, sorted."""
        return self.store.keys()

    def manifest(self, key: str) -> dict[str, Any]:
        """The manifest of a published artefact."""
        return self.store.manifest(key)

    def sound(self, key: str) -> bool:
        """Return True if the artefact is there and undamaged; all its files are read."""
        if not self.store.has(key):
            return False
        with contextlib.suppress(ColdstartError):
            self.store.open(key)
            return True
        return False

    def read(self, key: str, file: str) -> Iterator[bytes]:
        """A file in pieces of ``CHUNK`` bytes; the whole artefact is verified first."""
        path = self.store.open(key).path(file)
        try:
            with path.open("rb") as opened:
                yield from pieces(opened)
        except OSError as error:
            raise ColdstartError(f"Cannot read {path}: {error.strerror}.") from error

    def receive(self, key: str, manifest: dict[str, Any], pour: Pour) -> None:
        """Publish an artefact as a stage does: write a folder in full, then rename it."""
        try:
            receive(self.store, key, manifest, pour)
        except OSError as error:
            raise ColdstartError(f"Cannot write to {self.name}: {error.strerror}.") from error


class Remote:
    """A store at an address. An artefact is published once its manifest is there, written last."""

    def __init__(self, files: Any, root: str, name: str) -> None:
        self.files, self.root, self.name = files, root.rstrip("/"), name

    def keys(self) -> list[str]:
        """Keys of the artefacts that have a manifest, sorted."""
        return sorted(key for key, sizes in self._sizes.items() if MANIFEST in sizes)

    def manifest(self, key: str) -> dict[str, Any]:
        """The manifest of a published artefact."""
        with self._reaching():
            text = self.files.cat_file(self._path(key, MANIFEST))
        return parse(text, key, f"{self.name}: the manifest of {key}")

    def sound(self, key: str) -> bool:
        """Return True if the artefact has a valid manifest and its files have the listed sizes.

        The files are not read: that would cost as much as copying them, and ``receive`` read them
        back before it wrote the manifest.
        """
        sizes = self._sizes.get(key, {})
        if MANIFEST not in sizes:
            return False
        try:
            listed = self.manifest(key)["files"]
        except ColdstartError:
            return False
        return all(sizes.get(name) == entry["bytes"] for name, entry in listed.items())

    def read(self, key: str, file: str) -> Iterator[bytes]:
        """A file in pieces of ``CHUNK`` bytes, not verified: the receiving end does that."""
        with self._reaching(), self.files.open(self._path(key, file), "rb") as opened:
            yield from pieces(opened)

    def receive(self, key: str, manifest: dict[str, Any], pour: Pour) -> None:
        """Write the files, read them back, and only then write the manifest."""
        with self._reaching():
            for name, entry in manifest["files"].items():
                path = self._path(key, name)
                self._make_folder(path.rpartition("/")[0])
                with self.files.open(path, "wb") as file:
                    pour(name, file)
                with self.files.open(path, "rb") as file:
                    written = hashlib.file_digest(file, "sha256").hexdigest()
                if written != entry["sha256"]:
                    raise ColdstartError(
                        f"{path}, read back, does not have the SHA-256 in its manifest: it was "
                        "damaged at the source or on its way. The artefact was not published there."
                    )
            # Renamed into place: at some kinds of address, a half-written file can be read.
            draft = self._path(key, f".{MANIFEST}")
            self.files.pipe_file(draft, (json.dumps(manifest, indent=2) + "\n").encode())
            self.files.mv(draft, self._path(key, MANIFEST))

    @cached_property
    def _sizes(self) -> dict[str, dict[str, int]]:
        """The size of each file of each key, from one listing."""
        with self._reaching():
            try:
                found = self.files.find(f"{self.root}/objects", detail=True)
            except FileNotFoundError:
                found = {}
        sizes: dict[str, dict[str, int]] = {}
        for path, entry in found.items():
            shard, key, name = path.rsplit("/", 3)[1:]
            if is_key(key) and shard == key[:2]:
                sizes.setdefault(key, {})[name] = entry["size"]
        return sizes

    def _path(self, key: str, name: str) -> str:
        return f"{self.root}/objects/{key[:2]}/{key}/{name}"

    def _make_folder(self, path: str) -> None:
        protocol = self.files.protocol
        # An object store has no folders to make, and asking for one would create a bucket.
        if _OBJECT_STORES.isdisjoint([protocol] if isinstance(protocol, str) else protocol):
            self.files.makedirs(path, exist_ok=True)

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn any error of the address into a ``ColdstartError`` that names it."""
        try:
            yield
        except ColdstartError:
            raise
        except Exception as error:  # each kind of address has errors of its own
            raise _unreachable(self.name, error) from error


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of a file, ``CHUNK`` bytes at a time."""
    while piece := file.read(CHUNK):
        yield piece


def _unreachable(address: str, error: Exception) -> ColdstartError:
    return ColdstartError(
        f"{address}: {type(error).__name__}: {error}. Artefacts that were copied are sound; once "
        "this error is mended, the same command copies the rest."
    )
