"""The recipe key of an artefact, computed anew: a manifest may claim any.

The key of an artefact is a hash over all that its manifest says, so that a manifest with another
recipe is foreign. The recipe key is not part of the key, and depends on the recipes of the inputs:
it can be computed only as far down as these are there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from coldstart.errors import ColdstartError
from coldstart.store.catalogue import closure
from coldstart.store.identity import Identity, Reference
from coldstart.store.manifest import MANIFEST, Fault
from coldstart.store.objects import Store

Lookup = Callable[[str], Mapping[str, Any] | None]
"""The manifest of a key, or None where there is none that can be read."""


def recipe_keys(keys: Iterable[str], manifest_of: Lookup) -> dict[str, str | None]:
    """The recipe keys of artefacts and of all that they were made from.

    Args:
        keys: the artefacts.
        manifest_of: gives the manifests that are at hand.

    Returns:
        By key, the recipe key that follows from the manifest and those of its inputs, down to the
        data; None where one of these is missing, so that nothing can be proved.
    """

    def inputs(key: str) -> list[str]:
        manifest = manifest_of(key)
        return [] if manifest is None else list(manifest["inputs"].values())

    found: dict[str, str | None] = {}
    for key in closure(keys, inputs):  # each after its own inputs
        manifest = manifest_of(key)
        below = {} if manifest is None else {n: found.get(k) for n, k in manifest["inputs"].items()}
        if manifest is None or None in below.values():
            found[key] = None
        else:
            made_from = {name: Reference("", str(one)) for name, one in below.items()}
            recipe, code = manifest["recipe"], manifest["code"]
            found[key] = Identity(manifest["stage"], recipe, made_from, code).recipe_key
    return found


def forged(keys: Iterable[str], manifest_of: Lookup) -> Iterator[Fault]:
    """A fault for each artefact whose manifest claims another recipe key than it has."""
    wanted = list(keys)
    proved = recipe_keys(wanted, manifest_of)
    for key in wanted:
        manifest = manifest_of(key)
        if manifest is not None and proved[key] not in (None, manifest.get("recipe_key")):
            what = f"claims another recipe key than {proved[key]}, which its recipe and inputs have"
            yield Fault(key, MANIFEST, what)


def is_of_recipe(key: str, identity: Identity, manifest_of: Lookup) -> bool:
    """Return True if the artefact ``key`` is of the recipe of ``identity``, by whichever code.

    Stage and recipe are compared themselves. The recipes of the inputs are compared by the recipe
    key, which is computed anew as far as the inputs are there; one that came without them, as in a
    bundle, is believed.
    """
    manifest = manifest_of(key)
    if manifest is None:
        return False
    claimed = manifest.get("recipe_key")
    proved = recipe_keys([key], manifest_of)[key] or claimed
    return (
        manifest["stage"] == identity.stage
        and manifest["recipe"] == identity.recipe
        and claimed == proved == identity.recipe_key
    )


def manifests_of(store: Store) -> Lookup:
    """A look-up of a store's manifests, each read once; what cannot be read counts as missing."""
    read: dict[str, Mapping[str, Any] | None] = {}

    def manifest_of(key: str) -> Mapping[str, Any] | None:
        if key not in read:
            try:
                read[key] = store.manifest(key) if store.has(key) else None
            except ColdstartError:
                read[key] = None
        return read[key]

    return manifest_of
