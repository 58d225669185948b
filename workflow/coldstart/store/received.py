"""Artefacts that come from elsewhere: published under their own key, or not at all."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coldstart.errors import ColdstartError
from coldstart.store.identity import FORMAT, Identity, Reference
from coldstart.store.manifest import MANIFEST, file_digest, is_key, read_manifest
from coldstart.store.objects import Store
from coldstart.store.provenance import provenance

Pour = Callable[[str, BinaryIO], None]
"""Writes the content of the file with this name to an open file."""


@dataclass(frozen=True, eq=False)
class Received(Identity):
    """An identity that a manifest describes.

    The recipe keys of its inputs stand in their own manifests, which may not have come with it, so
    that its own recipe key is taken from the manifest.
    """

    recorded_recipe_key: str

    @property
    def recipe_key(self) -> str:
        """As the manifest says."""
        return self.recorded_recipe_key


def parse(text: bytes, key: str, where: str) -> dict[str, Any]:
    """Parse a manifest from another store, and check its form and its key.

    Args:
        text: the content of the ``manifest.json``.
        key: what it has to describe.
        where: names it in the error.

    Raises:
        ColdstartError: it is not a manifest, or describes something else.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, MANIFEST).write_bytes(text)
        try:
            manifest = read_manifest(Path(folder))
        except ValueError as error:
            raise ColdstartError(f"{where} {error}.") from error
    check(manifest, key, where)
    return manifest


def check(manifest: dict[str, Any], key: str, where: str) -> Received:
    """The identity that a manifest describes.

    Raises:
        ColdstartError: it is of another format, describes something else than ``key``, or is
            otherwise not sound.
    """
    if manifest["format"] != FORMAT:
        raise ColdstartError(
            f"{where} is of store format {manifest['format']}, not {FORMAT}: it takes the version "
            "of Coldstart that made it."
        )
    inputs, recipe_key = manifest["inputs"], str(manifest.get("recipe_key"))
    if not all(map(is_key, [*inputs.values(), recipe_key])):
        raise ColdstartError(f"{where} has no valid keys of its recipe and its inputs.")
    references = {name: Reference(made_from, "") for name, made_from in inputs.items()}
    identity = Received(
        manifest["stage"], manifest["recipe"], references, manifest["code"], recipe_key
    )
    if not identity.key == manifest.get("key") == key:
        raise ColdstartError(f"{where} describes {identity.key} and not {key}: it was edited.")
    return identity


def receive(store: Store, key: str, manifest: dict[str, Any], pour: Pour) -> None:
    """Publish an artefact from another store, with the manifest that it has there.

    Args:
        store: the destination.
        key: the artefact's.
        manifest: the one in the other store.
        pour: gives the content of each of its files; what is written is read again and compared
            with the manifest before anybody sees it.

    Raises:
        ColdstartError: the manifest or a file is not sound, or the store cannot be written to.
    """
    identity = check(manifest, key, f"the manifest of {key}")
    # Facts that an older manifest lacks must not be filled in from this machine.
    made = {**dict.fromkeys(provenance()), **manifest["made"]}
    with store.publishing(identity, made) as folder:
        for name, entry in manifest["files"].items():
            with (folder / name).open("xb") as file:
                pour(name, file)
            if file_digest(folder / name) != entry["sha256"]:
                raise ColdstartError(
                    f"{name} of the artefact {key} is not what its manifest says: it was damaged "
                    "where it came from or on its way. Nothing of this artefact was published."
                )
