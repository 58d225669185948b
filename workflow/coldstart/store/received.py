"""Artefacts from another store or a bundle: published under their own key, or not at all."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from coldstart.common.errors import ColdstartError
from coldstart.store.identity import FORMAT, Identity, Reference
from coldstart.store.manifest import MANIFEST, file_digest, is_key, read_manifest
from coldstart.store.objects import Store
from coldstart.store.provenance import provenance

Pour = Callable[[str, BinaryIO], None]
"""Writes the content of the file with this name to an open file."""


@dataclass(frozen=True, eq=False)
class Received(Identity):
    """An identity that a manifest describes, with the recipe key that the manifest claims.

    The recipe key cannot be computed here: that takes the recipe keys of the inputs, whose
    manifests may not have come with this one.
    """

    recorded_recipe_key: str

    @property
    def recipe_key(self) -> str:
        """The recipe key that the manifest claims."""
        return self.recorded_recipe_key


def parse(text: bytes, key: str, where: str) -> dict[str, Any]:
    """Parse a manifest from another store, and check its form and its key.

    Args:
        text: the content of the ``manifest.json``.
        key: the key of the artefact that it has to describe.
        where: a name for the manifest in errors.

    Raises:
        ColdstartError: the text is not a manifest, or describes another artefact.
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
    """Check a manifest's format and keys, and return the identity that it describes.

    Raises:
        ColdstartError: it has another format or no valid keys, or describes another artefact than
            ``key``.
    """
    if manifest["format"] != FORMAT:
        raise ColdstartError(
            f"{where} is of store format {manifest['format']}, not {FORMAT}: use the version of "
            "Coldstart that made it."
        )
    inputs, recipe_key = manifest["inputs"], str(manifest.get("recipe_key"))
    if not all(map(is_key, [*inputs.values(), recipe_key])):
        raise ColdstartError(f"{where} lacks a valid recipe key, or a valid key of an input.")
    references = {name: Reference(made_from, "") for name, made_from in inputs.items()}
    identity = Received(
        manifest["stage"], manifest["recipe"], references, manifest["code"], recipe_key
    )
    if not identity.key == manifest.get("key") == key:
        raise ColdstartError(f"{where} describes {identity.key} and not {key}: it was edited.")
    return identity


def receive(store: Store, key: str, manifest: dict[str, Any], pour: Pour) -> None:
    """Publish an artefact from another store, with the provenance that it has there.

    Args:
        store: the destination.
        key: the key of the artefact.
        manifest: its manifest in the other store.
        pour: writes the content of each file. The files are read back and compared with the
            manifest before the artefact becomes visible.

    Raises:
        ColdstartError: the manifest or a file is damaged, or the store cannot be written to.
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
                    f"{name} of the artefact {key} does not have the SHA-256 in its manifest: it "
                    "was damaged at the source or on its way. The artefact was not published."
                )
