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
"""Removals after which the store is looked through for what was published meanwhile."""


@dataclass(frozen=True)
class Scan:
    """The contents of a store at one moment, and its garbage."""

    store: Store
    seen: frozenset[str]
    """All keys that were there."""
    garbage: list[Entry]
    """Artefacts that no root reaches, each before what it was made from."""
    stamps: dict[str, int]
    """When each piece of garbage came to the store, in nanoseconds by the file server's clock."""
    young: int
    """Number of artefacts kept only because they, or what was made from them, are young."""
    left_alone: int
    """Number of artefacts that cannot be judged: another format, or an unreadable manifest."""


def scan(store: Store, roots: Iterable[str], older_than: float) -> Scan:
    """Find what none of ``roots`` reaches through its inputs and has been there for long.

    What is young is a root as well: it may be an unfinished study of somebody whose clone nobody
    named. Its age counts from when it came to this store, not from when it was made.

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
    """Remove the garbage of a scan, and give each artefact that is gone.

    What was published since the scan is kept with all that it was made from, but for what went
    before it was seen: the store is looked through every ``LOOK_AGAIN`` removals only, since a look
    asks the file server about every artefact. What is stopped half way leaves no artefact of the
    scan without its inputs, because these go last.

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
    """When the manifest was written here; 0 for what is gone."""
    try:
        return Path(store.root, "objects", key[:2], key, MANIFEST).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
