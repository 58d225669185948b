"""Garbage collection: find the artefacts that nobody needs, and remove them."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from coldstart.common.errors import ColdstartError
from coldstart.store.catalogue import Catalogue, Entry, closure
from coldstart.store.identity import FORMAT
from coldstart.store.manifest import MANIFEST
from coldstart.store.objects import Store

LOOK_AGAIN = 100
"""Number of removals after which the store is searched again for newly published artefacts."""


@dataclass(frozen=True)
class Scan:
    """The contents of a store at one moment, and its garbage."""

    store: Store
    seen: frozenset[str]
    """All keys that the store had."""
    garbage: list[Entry]
    """Artefacts that no root reaches, each before its own inputs."""
    stamps: dict[str, int]
    """Arrival of each artefact in the store, in nanoseconds by the file server's clock."""
    young: int
    """Number of artefacts kept only because they are young, or an input of a young one."""
    left_alone: int
    """Number of artefacts that cannot be judged: another format, or an unreadable manifest."""


def scan(store: Store, roots: Iterable[str], older_than: float) -> Scan:
    """Find the artefacts that no root reaches through inputs and that are not young.

    A young artefact is a root as well: it may belong to an unfinished study of a clone that nobody
    named. Its age counts from its arrival in this store, not from when it was made.

    Args:
        store: one store, not layers of them.
        roots: keys to keep, whether the store has them or not.
        older_than: an artefact that arrived fewer seconds ago than this is young.

    Raises:
        ColdstartError: there is no such store, or the manifest of an artefact that a root reaches
            cannot be read, so that its inputs are unknown.
    """
    store.require_store()
    now = time.time()
    catalogue = Catalogue(store)
    stamps = {key: _arrival(store, key) for key in catalogue.entries}
    reached = set(closure(roots, catalogue.inputs))
    for key in reached & catalogue.unreadable.keys():
        raise ColdstartError(f"{catalogue.unreadable[key]} Until then its inputs are unknown.")
    young = [key for key, stamp in stamps.items() if now - stamp / 1e9 < older_than]
    other_format = [
        key for key, entry in catalogue.entries.items() if entry.manifest["format"] != FORMAT
    ]
    kept = reached | set(closure([*young, *other_format], catalogue.inputs))
    garbage = [key for key in closure(catalogue.entries, catalogue.inputs) if key not in kept]
    return Scan(
        store=store,
        seen=frozenset(catalogue.entries) | frozenset(catalogue.unreadable),
        garbage=[catalogue.entries[key] for key in reversed(garbage) if key in catalogue.entries],
        stamps=stamps,
        young=len(set(closure(young, catalogue.inputs)) & catalogue.entries.keys() - reached),
        left_alone=len(other_format) + len(catalogue.unreadable),
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
            # A key that was removed here and is there again was published anew.
            kept |= set(closure(set(store.keys()) - (found.seen - gone), inputs))
        arrival = _arrival(store, entry.key)
        if arrival not in (0, found.stamps[entry.key]):  # published anew
            kept |= set(closure([entry.key], inputs))
        if arrival and entry.key not in kept:
            store.discard(entry.key)
            gone.add(entry.key)
            yield entry


def _arrival(store: Store, key: str) -> int:
    """Time when the manifest came to this store, in nanoseconds; 0 if the artefact is gone."""
    try:
        return Path(store.root, "objects", key[:2], key, MANIFEST).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
