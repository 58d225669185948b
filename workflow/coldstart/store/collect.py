"""Garbage collection: which artefacts nobody needs, and their removal."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coldstart.errors import ColdstartError
from coldstart.store.catalogue import Catalogue, Entry, closure
from coldstart.store.identity import FORMAT
from coldstart.store.manifest import MANIFEST
from coldstart.store.objects import Store

LOOK_AGAIN = 100
"""After so many removals, the store is searched for artefacts published meanwhile."""


@dataclass(frozen=True)
class Scan:
    """The contents of a store at one moment, and its garbage."""

    store: Store
    seen: frozenset[str]
    """All keys that were there."""
    garbage: list[Entry]
    """Artefacts that no root reaches, each before what it was made from."""
    stamps: dict[str, int]
    """Arrival of each piece of garbage in the store, in nanoseconds by the file server's clock."""
    young: int
    """Number of artefacts kept only because they, or what was made from them, are young."""
    left_alone: int
    """Number of artefacts that cannot be judged: another format, or an unreadable manifest."""


def scan(store: Store, roots: Iterable[str], older_than: float) -> Scan:
    """Find the artefacts that no root reaches through inputs and that are not young.

    A young artefact is a root as well: it may belong to an unfinished study of a clone that nobody
    named. Its age counts from its arrival in this store, not from when it was made.

    Args:
        store: one store, not layers of them.
        roots: keys to keep, whether the store has them or not.
        older_than: seconds below which an artefact is young.

    Raises:
        ColdstartError: there is no such store, or a manifest on the way from a root cannot be read,
            so that what it reaches is unknown.
    """
    store.require_store()
    now = time.time()
    catalogue = Catalogue(store)
    stamps = {key: _came(store, key) for key in catalogue.entries}
    reached = set(closure(roots, catalogue.inputs))
    for key in reached & catalogue.unreadable.keys():
        raise ColdstartError(f"{catalogue.unreadable[key]} Until then it is unknown what it needs.")
    fresh = [key for key, stamp in stamps.items() if now - stamp / 1e9 < older_than]
    foreign = [key for key, one in catalogue.entries.items() if one.manifest["format"] != FORMAT]
    kept = reached | set(closure([*fresh, *foreign], catalogue.inputs))
    garbage = [key for key in closure(catalogue.entries, catalogue.inputs) if key not in kept]
    return Scan(
        store=store,
        seen=frozenset(catalogue.entries) | frozenset(catalogue.unreadable),
        garbage=[catalogue.entries[key] for key in reversed(garbage) if key in catalogue.entries],
        stamps=stamps,
        young=len(set(closure(fresh, catalogue.inputs)) & catalogue.entries.keys() - reached),
        left_alone=len(foreign) + len(catalogue.unreadable),
    )


def remove(found: Scan) -> Iterator[Entry]:
    """Remove the garbage of a scan, and yield each artefact once it is gone.

    Artefacts published since the scan are kept with their inputs, except for inputs that were
    removed before the new artefact was seen: the store is searched every ``LOOK_AGAIN`` removals
    only, because a search asks the file server about every artefact. A removal that is interrupted
    leaves no artefact of the scan without its inputs, because these are removed last.

    Raises:
        ColdstartError: the store cannot be written to.
    """
    store = found.store

    def inputs(key: str) -> list[str]:
        return list(store.manifest(key)["inputs"].values()) if store.has(key) else []

    kept: set[str] = set()
    gone: set[str] = set()
    for position, entry in enumerate(found.garbage):
        if position % LOOK_AGAIN == 0:
            kept |= set(closure(set(store.keys()) - (found.seen - gone), inputs))
        came = _came(store, entry.key)
        if came not in (0, found.stamps[entry.key]):  # published anew
            kept |= set(closure([entry.key], inputs))
        if came and entry.key not in kept:
            store.discard(entry.key)
            gone.add(entry.key)
            yield entry


def _came(store: Store, key: str) -> int:
    """Time of the manifest in this store, in nanoseconds; 0 if the artefact is gone."""
    try:
        return Path(store.root, "objects", key[:2], key, MANIFEST).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
