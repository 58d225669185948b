"""The pointer files of a clone: which artefacts were made there."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from coldstart.store.manifest import MANIFEST, is_key

_MEMBERS = {"key", "stage", "files"}
_FORMER = {"origin"}
"""A member of pointers that earlier versions wrote."""


def pointers(results: Path, stores: Iterable[Path] = ()) -> Iterator[tuple[Path, str]]:
    """Each pointer file in ``results`` and the key in it; ``stores`` in there are not searched."""
    passed_over = {store.resolve() for store in [*stores, results / "store"]}
    for folder, inner, names in os.walk(results):
        inner[:] = [name for name in inner if Path(folder, name).resolve() not in passed_over]
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
