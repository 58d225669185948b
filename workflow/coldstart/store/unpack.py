"""Import of a bundle: publish its artefacts in a store, after checking everything in it."""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.store.bundle import CONTENTS, FORMAT
from coldstart.store.descent import forged, manifests_of
from coldstart.store.ends import CHUNK, pieces
from coldstart.store.manifest import MANIFEST, is_key
from coldstart.store.objects import Store
from coldstart.store.received import parse, receive

_LARGEST_JSON = 64_000_000  # bytes: these members are read into memory


@dataclass(frozen=True)
class Contents:
    """The contents of ``bundle.json``."""

    study: str
    scale: str
    keys: list[str]
    """The artefacts, in the order in which they are published."""
    members: dict[str, dict[str, Any]]
    """``{"sha256": digest, "bytes": size}`` of every other member, by its name."""


def read(file: Path, store: Store) -> tuple[Contents, list[str]]:
    """Publish the artefacts of a bundle; returns its contents and the keys that were new.

    The whole archive is checked before anything is written. Each member must be a plain file that
    ``bundle.json`` lists, with the listed size and SHA-256, and each manifest must describe the
    artefact of its key.

    Raises:
        ColdstartError: the archive is damaged or not a bundle, or the store cannot be written to.
    """
    with _opened(file) as archive:
        contents, found = _inventory(archive, file)
        _verify(archive, found, contents, file)
        manifests = {key: _manifest(archive, found, key, file) for key in contents.keys}
        _require_all_listed(manifests, contents, file)
        _require_recipes(manifests, store, file)
        new = [key for key in contents.keys if not store.has(key)]
        progress = Progress("publish artefacts", len(new))
        for key in new:

            def pour(name: str, target: BinaryIO, key: str = key) -> None:
                for piece in _content(archive, found[f"objects/{key}/{name}"]):
                    target.write(piece)

            receive(store, key, manifests[key], pour)
            progress.advance()
    return contents, new


def _inventory(archive: tarfile.TarFile, file: Path) -> tuple[Contents, dict[str, tarfile.TarInfo]]:
    """List the members by their headers; refuse unsafe, unlisted, repeated and missing ones."""
    first = archive.next()
    if first is None or first.name != CONTENTS or not first.isreg() or first.size > _LARGEST_JSON:
        raise ColdstartError(f"{file} is not a bundle: it does not start with {CONTENTS}.")
    contents = _contents(b"".join(_content(archive, first)), file)
    found: dict[str, tarfile.TarInfo] = {}
    while (member := archive.next()) is not None:
        fault = _fault(member, contents)
        if member.name in found or member.name == CONTENTS:
            fault = "appears twice"
        if fault:
            raise _refused(file, member.name, fault)
        found[member.name] = member
    for name in contents.members.keys() - found.keys():
        raise _refused(file, name, "is missing: the archive is truncated, or was edited")
    return contents, found


def _fault(member: tarfile.TarInfo, contents: Contents) -> str:
    """The reason to refuse a member; empty if there is none."""
    if not member.isreg() or member.issparse():
        return "is not a plain file"
    path = Path(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        return "would lie outside the store"
    if member.name not in contents.members:
        return f"is not listed in {CONTENTS}"
    try:
        tarfile.data_filter(member, "/nowhere")
    except tarfile.FilterError as error:
        return f"is not safe ({error})"
    if member.size != contents.members[member.name]["bytes"]:
        return f"has {member.size} bytes, not the {contents.members[member.name]['bytes']} listed"
    return ""


def _contents(text: bytes, file: Path) -> Contents:
    """Parse ``bundle.json`` and check its form."""
    try:
        parsed = json.loads(text)
        if parsed["format"] != FORMAT:
            raise ColdstartError(
                f"{file} is a bundle of format {parsed['format']}, not {FORMAT}: use the version "
                "of Coldstart that made it."
            )
        contents = Contents(parsed["study"], parsed["scale"], parsed["keys"], parsed["members"])
        sound = all(map(is_key, contents.keys)) and all(
            is_key(entry["sha256"]) and type(entry["bytes"]) is int
            for entry in contents.members.values()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise ColdstartError(f"{file} is not a bundle: its {CONTENTS} is not valid.")
    return contents


def _verify(
    archive: tarfile.TarFile,
    found: Mapping[str, tarfile.TarInfo],
    contents: Contents,
    file: Path,
) -> None:
    """Read every member and refuse one whose SHA-256 is not the listed one."""
    progress = Progress("verify bundle, MB", sum(-(-m.size // CHUNK) for m in found.values()))
    for name, member in found.items():
        digest = hashlib.sha256()
        for piece in _content(archive, member):
            digest.update(piece)
            progress.advance()
        if digest.hexdigest() != contents.members[name]["sha256"]:
            raise _refused(file, name, "is altered: its SHA-256 is not the one listed")


def _manifest(
    archive: tarfile.TarFile, found: Mapping[str, tarfile.TarInfo], key: str, file: Path
) -> dict[str, Any]:
    """Read and check the manifest of one artefact in the archive."""
    name = f"objects/{key}/{MANIFEST}"
    if name not in found or found[name].size > _LARGEST_JSON:
        raise _refused(file, name, "is missing or too large")
    return parse(b"".join(_content(archive, found[name])), key, f"{file}: {name}")


def _require_all_listed(
    manifests: Mapping[str, dict[str, Any]], contents: Contents, file: Path
) -> None:
    """Refuse the bundle unless its artefacts have exactly the files that their manifests list."""
    listed = {
        f"objects/{key}/{name}": (entry["sha256"], entry["bytes"])
        for key, manifest in manifests.items()
        for name, entry in manifest["files"].items()
    }
    there = {
        name: (entry["sha256"], entry["bytes"])
        for name, entry in contents.members.items()
        if name.startswith("objects/") and not name.endswith(f"/{MANIFEST}")
    }
    for name in sorted(listed.keys() | there.keys()):
        if listed.get(name) != there.get(name):
            raise _refused(file, name, "is not what the artefact's own manifest says")


def _require_recipes(manifests: Mapping[str, dict[str, Any]], store: Store, file: Path) -> None:
    """Refuse a recipe key that does not follow from the recipes, where all inputs are at hand."""
    here = manifests_of(store)
    for fault in forged(manifests, lambda key: manifests.get(key) or here(key)):
        raise _refused(file, f"objects/{fault.key}/{fault.file}", fault.what)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as archive:
            yield archive
    except tarfile.TarError as error:
        raise ColdstartError(
            f"{file} is damaged, truncated, or not a bundle ({error}): get it again."
        ) from error
    except OSError as error:
        raise ColdstartError(f"Cannot read {file}: {error.strerror or error}.") from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    opened = archive.extractfile(member)
    assert opened is not None  # a plain file
    with opened:
        yield from pieces(opened)


def _refused(file: Path, name: str, what: str) -> ColdstartError:
    return ColdstartError(
        f"{file} is refused, and nothing was written: its member {name!r} {what}."
    )
