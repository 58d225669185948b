"""Copying artefacts from one store to another: verified at both ends, and resumed."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.store.catalogue import closure
from coldstart.store.ends import CHUNK, End

log = logging.getLogger("coldstart")


@dataclass(frozen=True)
class Copied:
    """A record of a copy."""

    copied: list[str]
    """Keys of the artefacts that were copied."""
    bytes: int
    """The size of their files."""
    there: int
    """Number of artefacts that were at the destination already, and sound."""


def copy(source: End, destination: End, keys: Iterable[str]) -> Copied:
    """Copy artefacts and all their direct and indirect inputs, inputs first.

    A copy that is stopped at any moment leaves each artefact at the destination either complete or
    invisible; another call copies the rest. An input that the source lacks gives a warning, not an
    error.

    Raises:
        ColdstartError: an artefact is missing or damaged at the source, or cannot be written.
    """
    available = set(source.keys())
    manifests: dict[str, dict[str, Any]] = {}

    def inputs(key: str) -> list[str]:
        if key not in available:
            return []
        manifests[key] = source.manifest(key)
        return list(manifests[key]["inputs"].values())

    asked = list(keys)
    for key in asked:
        if key not in available:
            raise ColdstartError(f"{key} is not in {source.name}: nothing was copied.")
    wanted = closure(asked, inputs)
    for key in wanted:
        if key not in available:
            log.warning("%s is an input that %s does not have: copied without it", key, source.name)
    checked = Progress(f"look at {destination.name}", len(manifests))
    missing = []
    for key in filter(available.__contains__, wanted):
        if not destination.sound(key):
            missing.append(key)
        checked.advance()
    sizes = {key: [f["bytes"] for f in manifests[key]["files"].values()] for key in missing}
    chunks = sum(-(-size // CHUNK) for of_files in sizes.values() for size in of_files)
    progress = Progress("copy, MB", chunks)
    for key in missing:
        _copy_one(source, destination, key, manifests[key], progress)
    total = sum(map(sum, sizes.values()))
    return Copied(missing, total, len(manifests) - len(missing))


def _copy_one(
    source: End, destination: End, key: str, manifest: dict[str, Any], progress: Progress
) -> None:
    def pour(name: str, file: BinaryIO) -> None:
        for piece in source.read(key, name):
            file.write(piece)
            progress.advance()

    destination.receive(key, manifest, pour)
