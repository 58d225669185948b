"""Places of a user's own files: found while planning, told to jobs, and part of no key.

The plan digests such files; a job finds them by their digest.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

PLACES = "COLDSTART_PLACES"
"""The variable that tells jobs where the files with a digest lie."""

SAID = "COLDSTART_SAID"
"""The variable that tells processes which remarks one before them has printed."""


def export_places(places: Mapping[str, Sequence[Path]]) -> None:
    """Tell every process that this one starts where files lie, by their digest."""
    told = {digest: [str(path.absolute()) for path in paths] for digest, paths in places.items()}
    os.environ[PLACES] = json.dumps(_known() | told)


def places_of(digest: str) -> list[Path]:
    """Return the paths of the files with this digest; none if the plan has not said."""
    return [Path(path) for path in _known().get(digest, ())]


def export_said(marks: Iterable[str]) -> None:
    """Tell every process that this one starts which remarks need no repetition."""
    os.environ[SAID] = " ".join(dict.fromkeys([*said(), *marks]))


def said() -> list[str]:
    """Return the marks of the remarks that a process before this one has printed."""
    return os.environ.get(SAID, "").split()


def _known() -> dict[str, list[str]]:
    known: dict[str, list[str]] = json.loads(os.environ.get(PLACES, "{}"))
    return known
