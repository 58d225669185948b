"""Bring a store back to soundness, and the pointer files that name what is in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from coldstart.errors import ColdstartError
from coldstart.store.manifest import Fault
from coldstart.store.objects import Store
from coldstart.store.pointers import pointers

STALE = 24 * 3600.0
"""Seconds after which a folder that nobody writes to passes for a killed publisher's."""


@dataclass(frozen=True)
class Healing:
    """What was done."""

    discarded: list[str]
    """Keys of the objects that were removed."""
    left: list[str]
    """Keys of those that are not damaged any more: somebody has published them anew."""
    pointers: list[Path]
    """Pointer files that were removed, since their objects are not in the store."""
    swept: int
    """How many abandoned folders were removed."""


def heal(store: Store, faults: Iterable[Fault], results: Path) -> Healing:
    """Remove damaged objects, and the pointer files in ``results`` to objects that are not there.

    Snakemake then makes both again. A pointer goes also if its object was missing before: a team
    mate may have healed the store that this clone's pointers name.

    Raises:
        ColdstartError: there is no such store, which may only be a share that is not mounted; or an
            object in it cannot be removed.
    """
    if not store.root.is_dir():
        raise ColdstartError(
            f"There is no store at {store.root}, so nothing was healed. If it is a share, mount "
            f"it; if it was deleted on purpose, make an empty one: mkdir -p {store.root}"
        )
    damaged = sorted({fault.key for fault in faults if fault.damaged})
    discarded = [key for key in damaged if store.discard_damaged(key)]
    left = [key for key in damaged if key not in discarded]
    swept = store.sweep(STALE)
    found = pointers(results, [store.root])
    dangling = sorted(path for path, key in found if not store.has(key))
    for pointer in dangling:
        pointer.unlink(missing_ok=True)
    return Healing(discarded, left, dangling, swept)
