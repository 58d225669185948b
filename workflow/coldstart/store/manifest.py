"""The manifest of an artefact, and checks of the manifest and the files."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.store.files import sync
from coldstart.store.identity import FORMAT, Identity, description_key

MANIFEST = "manifest.json"
RECORDED = {"seconds": 1e9, "peak_mb": 1e8, "gpus": 1e6}  # 30 years, 100 TB, a million
"""Numbers in ``made`` that later jobs base their requests to a scheduler on, with upper bounds."""

DEEPEST = 50
"""Largest number of nested levels in a manifest; recipes have fewer than ten."""

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an object of the store."""

    key: str
    file: str
    what: str
    damaged: bool = True
    """False if the object may be sound but cannot be checked here, for example because a file
    belongs to another user; healing leaves such an object alone."""

    def __str__(self) -> str:
        return f"{self.key}: {self.file} {self.what}"


def is_key(text: object) -> bool:
    """Return True for text of the form of a key: 64 lower-case hexadecimal digits."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compose(
    identity: Identity, files: Mapping[str, Mapping[str, Any]], made: Mapping[str, Any]
) -> str:
    """The text of a manifest; ``files`` is ``{name: {"sha256": digest, "bytes": size}}``."""
    manifest = {
        "format": FORMAT,
        "key": identity.key,
        "stage": identity.stage,
        "recipe": identity.recipe,
        "recipe_key": identity.recipe_key,
        "code": identity.code,
        "inputs": identity.input_keys,
        "files": files,
        "made": made,
    }
    return json.dumps(manifest, indent=2, allow_nan=False) + "\n"


def seal(folder: Path, identity: Identity, made: Mapping[str, Any]) -> None:
    """Hash the files, write the manifest, make all of it read-only and flush it to the disk.

    Raises:
        ValueError: the folder is empty, or has anything but plain files.
    """
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name == MANIFEST or "\\" in entry.name or not entry.is_file(follow_symlinks=False):
            raise ValueError(
                f"{entry.path}: an artefact consists of plain files, none of them named {MANIFEST}"
            )
    if not entries:
        raise ValueError(f"no file was written for the artefact {identity.key} ({identity.stage})")
    files = {
        entry.name: {"sha256": file_digest(Path(entry.path)), "bytes": entry.stat().st_size}
        for entry in entries
    }
    (folder / MANIFEST).write_text(compose(identity, files, made), encoding="utf-8")
    # Files get the folder's group and its rights to read. A file may have others: its writer may
    # have chosen a mode, and a file that was moved here keeps the group that it had.
    of_folder = folder.stat()
    for name in [*files, MANIFEST]:
        sync(folder / name)
        if (folder / name).stat().st_gid != of_folder.st_gid:
            os.chown(folder / name, -1, of_folder.st_gid)
        (folder / name).chmod(stat.S_IMODE(of_folder.st_mode) & 0o444)
    sync(folder)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest in ``folder`` and check its form.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a manifest; the message is to be read after the file's name.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not valid JSON ({error})") from error
    if _is_deep(manifest, DEEPEST):
        raise ValueError(f"is not a manifest: nested deeper than {DEEPEST} levels")
    shape = {
        "format": int,
        "stage": str,
        "recipe": dict,
        "code": str,
        "inputs": dict,
        "files": dict,
        "made": dict,
    }
    if not isinstance(manifest, dict):
        raise ValueError("is not a manifest: not a mapping")
    for name, kind in shape.items():
        if type(manifest.get(name)) is not kind:
            raise ValueError(f"is not a manifest: no valid {name!r}")
    for name, entry in manifest["files"].items():
        if name in ("", ".", "..", MANIFEST) or "/" in name or "\\" in name or "\0" in name:
            raise ValueError(f"lists {name!r}, which is not the plain name of a file")
        if not (
            isinstance(entry, dict)
            and is_key(entry.get("sha256"))
            and type(entry.get("bytes")) is int
        ):
            raise ValueError(f"has no valid size and SHA-256 for {name!r}")
    if not all(map(is_key, manifest["inputs"].values())):
        raise ValueError("has an input without a valid key")
    for name, bound in RECORDED.items():
        if not _is_amount(manifest["made"].get(name), bound):
            raise ValueError(f"has no valid number for {name!r} in 'made': 0 to {bound:g}")
    return manifest


def _is_deep(value: Any, levels: int) -> bool:
    """Return True if JSON has more than ``levels`` nested levels; Python limits recursion."""
    level = [value]
    for _ in range(levels):
        level = [
            member
            for one in level
            if isinstance(one, dict | list)
            for member in (one.values() if isinstance(one, dict) else one)
        ]
    return any(isinstance(one, dict | list) for one in level)


def _is_amount(value: Any, bound: float) -> bool:
    """Return True for a plain number from 0 to ``bound``, or for None."""
    return value is None or (type(value) in (int, float) and 0 <= value <= bound)


def faults(folder: Path, key: str) -> Iterator[Fault]:
    """Yield the faults of the object ``key`` in ``folder``, found by reading all of it."""
    try:
        manifest = read_manifest(folder)
        listed = manifest["files"]
        found = {entry.name: entry for entry in os.scandir(folder) if entry.name != MANIFEST}
    except (FileNotFoundError, NotADirectoryError):
        yield Fault(key, MANIFEST, "is missing")
        return
    except OSError as error:
        yield Fault(key, MANIFEST, f"cannot be read: {error.strerror}", damaged=False)
        return
    except ValueError as error:
        yield Fault(key, MANIFEST, str(error))
        return
    if manifest["format"] != FORMAT:
        what = f"is of store format {manifest['format']}, not {FORMAT}: another version made it"
        yield Fault(key, MANIFEST, what, damaged=False)
        return
    yield from _wrong_key(manifest, key)
    for name, entry in listed.items():
        if name not in found:
            yield Fault(key, name, "is missing")
        elif not found[name].is_file(follow_symlinks=False):
            yield Fault(key, name, "is not a plain file")
        else:
            yield from _altered(folder / name, entry, key)
    for name in sorted(found.keys() - listed.keys()):
        yield Fault(key, name, "is not part of the object")


def is_damaged(folder: Path, key: str) -> bool:
    """Return True if an object is damaged, not just impossible for this user to check."""
    return any(fault.damaged for fault in faults(folder, key))


def _wrong_key(manifest: dict[str, Any], key: str) -> Iterator[Fault]:
    """Yield a fault if the key is not the hash of what the manifest describes."""
    try:
        described = description_key(
            manifest["stage"], manifest["recipe"], manifest["inputs"], manifest["code"]
        )
    except (ColdstartError, RecursionError) as error:  # such as NaN, which Python reads from JSON
        yield Fault(key, MANIFEST, f"has no valid recipe: {error}")
        return
    if described != key or manifest.get("key") != key:
        what = f"is of another object: it describes {described}, or was edited"
        yield Fault(key, MANIFEST, what)


def _altered(path: Path, entry: dict[str, Any], key: str) -> Iterator[Fault]:
    """Yield a fault if a file has another size or SHA-256 than its entry in the manifest."""
    try:
        size = path.stat().st_size
        if size != entry["bytes"]:
            verb = "is truncated" if size < entry["bytes"] else "has grown"
            yield Fault(key, path.name, f"{verb}: {size} bytes, published with {entry['bytes']}")
        elif file_digest(path) != entry["sha256"]:
            yield Fault(
                key, path.name, "is altered: its SHA-256 is not the one it was published with"
            )
    except FileNotFoundError:
        yield Fault(key, path.name, "is missing")
    except OSError as error:
        yield Fault(key, path.name, f"cannot be read: {error.strerror}", damaged=False)
