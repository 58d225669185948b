"""Healing of a store: remove what is damaged, and the pointer files to what is not there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.store.descent import forged, manifests_of
from coldstart.store.layered import LayeredStore
from coldstart.store.leftovers import STALE
from coldstart.store.manifest import Fault
from coldstart.store.objects import Store
from coldstart.store.pointers import pointers


@dataclass(frozen=True)
class Healing:
    """A record of what healing removed from a store."""

    discarded: list[str]
    """Keys of the objects that were removed."""
    left: list[str]
    """Keys of the damaged objects that somebody has replaced by sound ones in the meantime."""
    swept: int
    """Number of abandoned folders that were removed."""


def heal(store: Store, faults: Iterable[Fault]) -> Healing:
    """Remove damaged objects and abandoned folders from a store, and nothing else.

    Raises:
        ColdstartError: there is no such store (its share may not be mounted), or an object in it
            cannot be removed.
    """
    if not store.root.is_dir():
        raise ColdstartError(
            f"There is no store at {store.root}, so nothing was healed. If it is a share, mount "
            f"it; if it was deleted on purpose, make an empty one: mkdir -p {store.root}"
        )
    store.require_store()
    damaged = sorted({fault.key for fault in faults if fault.damaged})
    discarded = [key for key in damaged if _discard(store, key)]
    left = [key for key in damaged if key not in discarded]
    return Healing(discarded, left, store.sweep(STALE))


def _discard(store: Store, key: str) -> bool:
    """Remove an object if it is still damaged or forged; returns True if it is gone."""
    if any(forged([key], manifests_of(store))):
        store.discard(key)
        return True
    return store.discard_damaged(key)


def heal_pointers(store: LayeredStore, results: Path) -> list[Path]:
    """Remove the pointer files to artefacts that are not there, so that Snakemake makes them again.

    This includes artefacts that were missing before this healing: a teammate may have healed the
    store that this clone's pointers name.

    Args:
        store: all stores that the clone uses.
        results: the clone's folder with the pointers.

    Returns:
        The pointers that are gone.
    """
    found = pointers(results, [one.root for one in store.stores])
    dangling = sorted(path for path, key in found if not store.has(key))
    for pointer in dangling:
        pointer.unlink(missing_ok=True)
    return dangling
