"""The pointer files of a clone, which name the artefacts that were made there.

An artefact that a store has already is not made again, and gets no pointer. The clone therefore
keeps two more records: an index with the key that each pointer's path had in the last run that
planned it, and the keys that each figure, table and ranking was made from. They serve look-ups and
protect artefacts from garbage collection; no job reads them.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from coldstart.common.atomic import replacing
from coldstart.store.manifest import MANIFEST, is_key

INDEX = ".index.json"
"""The file in a clone's results with the key of each pointer's path."""

SHOWN = ".shown"
"""The folder in a clone's results with the keys that each figure, table and ranking shows."""

_MEMBERS = {"key", "stage", "files"}
_FORMER = {"origin"}
"""A member of pointers that earlier versions wrote."""


def pointers(results: Path, stores: Iterable[Path] = ()) -> Iterator[tuple[Path, str]]:
    """Yield each pointer file in ``results`` with its key; ``stores`` in there are not searched."""
    skipped = {store.resolve() for store in [*stores, results / "store"]}
    for folder, subfolders, names in os.walk(results):
        subfolders[:] = [one for one in subfolders if Path(folder, one).resolve() not in skipped]
        for name in names:
            if name.endswith(".json") and name != MANIFEST:
                key = pointed_at(Path(folder, name))
                if key is not None:
                    yield Path(folder, name), key


def pointed_at(path: Path) -> str | None:
    """The key in a pointer file; None for any other JSON."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or not _MEMBERS <= content.keys() <= _MEMBERS | _FORMER:
        return None
    files = content["files"]
    sound = isinstance(files, dict) and all(map(is_key, files.values()))
    return content["key"] if sound and is_key(content["key"]) else None


def indexed(results: Path) -> dict[str, str]:
    """Read the index: the key of each pointer's path in the last run that planned it."""
    try:
        content = json.loads((results / INDEX).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {path: key for path, key in content.items() if is_key(key)}


def settle(results: Path, planned: Mapping[str, str], has: Callable[[str], bool]) -> list[Path]:
    """Write a run's plan to the index, and remove the pointers that name something else.

    Such a pointer is left from a run with other settings. It is removed if the artefact that is
    planned now is in a store already: no job then writes the pointer anew.

    Args:
        results: the clone's folder of results.
        planned: the key of each pointer's path, as the run plans it.
        has: returns True for a key that a store has.

    Returns:
        The pointers that are gone.
    """
    stale = [
        Path(path)
        for path, key in planned.items()
        if pointed_at(Path(path)) not in (None, key) and has(key)
    ]
    for pointer in stale:
        pointer.unlink(missing_ok=True)
    results.mkdir(parents=True, exist_ok=True)
    with replacing(results / INDEX) as draft:
        draft.write_text(json.dumps(indexed(results) | dict(planned), indent=1) + "\n")
    return stale


def record_shown(results: Path, shown: Path, keys: Iterable[str]) -> None:
    """Record the keys of the artefacts that ``shown``, a file in ``results``, was made from."""
    path = results / SHOWN / shown.relative_to(results).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_text(json.dumps({"shown": str(shown), "keys": sorted(keys)}, indent=1) + "\n")


def shown_keys(results: Path) -> set[str]:
    """The keys that the existing figures, tables and rankings were made from."""
    keys: set[str] = set()
    for path in (results / SHOWN).rglob("*.json"):
        try:
            content = json.loads(path.read_bytes())
            if Path(content["shown"]).exists():
                keys |= set(filter(is_key, content["keys"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return keys
