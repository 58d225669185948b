"""Checks of the recipe keys in manifests: each is computed anew from the recipes.

An artefact's key is a hash of its stage, recipe, inputs and code, so a manifest whose recipe was
edited does not fit its key. The recipe key is not part of that hash: a manifest may claim any. It
depends on the recipes of all inputs down to the data, so it can be computed anew only if their
manifests are at hand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.store.catalogue import closure
from coldstart.store.identity import Identity, Reference
from coldstart.store.manifest import MANIFEST, Fault
from coldstart.store.objects import Store

Lookup = Callable[[str], Mapping[str, Any] | None]
"""A function that returns the manifest of a key, or None if there is no readable one."""


def recipe_keys(keys: Iterable[str], manifest_of: Lookup) -> dict[str, str | None]:
    """Compute the recipe keys of artefacts and of all their direct and indirect inputs.

    Args:
        keys: the artefacts.
        manifest_of: returns the manifests that are at hand.

    Returns:
        For each key, the recipe key that follows from its manifest and those of its inputs, down
        to the data; None if one of these is missing, so that nothing can be proved.
    """

    def inputs(key: str) -> list[str]:
        manifest = manifest_of(key)
        return [] if manifest is None else list(manifest["inputs"].values())

    found: dict[str, str | None] = {}
    for key in closure(keys, inputs):  # each after its own inputs
        manifest = manifest_of(key)
        if manifest is None:
            found[key] = None
            continue
        below = {name: found.get(input_key) for name, input_key in manifest["inputs"].items()}
        if None in below.values():
            found[key] = None
        else:
            references = {
                name: Reference("", str(recipe_key)) for name, recipe_key in below.items()
            }
            recipe, code = manifest["recipe"], manifest["code"]
            found[key] = Identity(manifest["stage"], recipe, references, code).recipe_key
    return found


def forged(keys: Iterable[str], manifest_of: Lookup) -> Iterator[Fault]:
    """Yield a fault for each artefact whose manifest claims a wrong recipe key."""
    wanted = list(keys)
    proved = recipe_keys(wanted, manifest_of)
    for key in wanted:
        manifest = manifest_of(key)
        if manifest is not None and proved[key] not in (None, manifest.get("recipe_key")):
            what = f"claims another recipe key than {proved[key]}, which follows from its recipes"
            yield Fault(key, MANIFEST, what)


def is_of_recipe(key: str, identity: Identity, manifest_of: Lookup) -> bool:
    """Return True if the artefact ``key`` was made from the recipe of ``identity``, by any code.

    Stage and recipe are compared directly. The recipes of the inputs are compared by the recipe
    key, which is computed anew if all inputs are there. An artefact may have come without them, as
    from a bundle: then the recipe key that it claims is believed.
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
    """A look-up of a store's manifests. Each is read once; an unreadable one counts as missing."""
    read: dict[str, Mapping[str, Any] | None] = {}

    def manifest_of(key: str) -> Mapping[str, Any] | None:
        if key not in read:
            try:
                read[key] = store.manifest(key) if store.has(key) else None
            except ColdstartError:
                read[key] = None
        return read[key]

    return manifest_of
