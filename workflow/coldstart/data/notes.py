"""Remarks on a whole set of a user's images, made when all of them are decoded."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILE = "notes.json"
"""The file with the notes, in the artefact of the images."""

FEW_LEVELS = 32
"""If a set uses fewer of the 256 grey levels than this, its range of values may be wrong."""

FAINT = 8
"""Largest difference between the values of an image that counts as nearly of one colour."""

SHOWN = 3
"""Number of paths that a note names."""


class Notes:
    """Counts over the images of a set, made while these are written."""

    def __init__(self) -> None:
        self._levels = np.zeros(256, np.int64)
        self._count = 0
        self._constant: list[int] = []
        self._faint: list[int] = []

    def add(self, chunk: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        """Count images.

        Args:
            chunk: uint8 [n, height, width, channels], without those that could not be read.
            rows: int64 [n], their rows in the set.
        """
        if not len(chunk):
            return
        self._levels += np.bincount(chunk.reshape(-1), minlength=256)
        flat = chunk.reshape(len(chunk), -1)
        spread = flat.max(axis=1) - flat.min(axis=1)
        self._count += len(chunk)
        self._constant += rows[spread == 0].tolist()
        self._faint += rows[(spread > 0) & (spread <= FAINT)].tolist()

    def gathered(self, names: Sequence[str] | None, **more: Any) -> dict[str, Any]:
        """Return the notes in types of JSON.

        Args:
            names: of the rows; None if rows have only numbers.
            more: findings of the reader, such as the ``levels`` that became black and white.
        """

        def named(rows: list[int]) -> dict[str, Any]:
            first = [str(row) if names is None else names[row] for row in rows[:SHOWN]]
            return {"count": len(rows), "first": first}

        return {
            "images": self._count,
            "grey_levels": int(np.count_nonzero(self._levels)),
            "constant": named(self._constant),
            "faint": named(self._faint),
            **more,
        }


def sentences(notes: Mapping[str, Any]) -> list[str]:
    """Put the notes into sentences for a user.

    Args:
        notes: as ``Notes.gathered`` gives them.
    """
    if not notes:
        return []
    found = []
    levels = notes.get("levels")
    if levels is not None:
        low, high = levels
        measured = " (measured: 0.1 % of the pixels lie below, 0.1 % above)"
        images = f"{notes['wide']} image{'s have' if notes['wide'] != 1 else ' has'}"
        found.append(
            f"{images} more than 8 bits a channel: the value {low:g} became "
            f"black and {high:g} white{measured if notes['measured'] else ''}; "
            "`levels` sets other values: --config levels=[LOWEST,HIGHEST]"
        )
    if notes["images"] and notes["grey_levels"] < FEW_LEVELS:
        found.append(
            f"WARNING: all images together use {notes['grey_levels']} of 256 grey levels. If they "
            "should show more, their values lie in a small part of their range: look at the "
            "contact sheet"
            + (", and set `levels`" if levels is not None else ", and stretch their contrast")
        )
    for key, what in (
        ("constant", "of one colour all over"),
        ("faint", f"nearly of one colour (their values differ by at most {FAINT} of 255)"),
    ):
        some = notes[key]
        if some["count"]:
            are = "image is" if some["count"] == 1 else "images are"
            found.append(f"{some['count']} {are} {what}: {_first(some)}")
    inverted = notes.get("inverted", 0)
    if inverted:
        found.append(
            f"{inverted} of {notes['images']} images store white as their lowest value "
            "(PhotometricInterpretation 0), and are read so"
        )
    pages = len(notes.get("pages", {}))
    if pages:
        files = f"{pages} file{'s have' if pages != 1 else ' has'}"
        found.append(f"{files} more than one page or frame, of which the first is taken")
    return found


def _first(some: Mapping[str, Any]) -> str:
    return ", ".join(some["first"]) + (", ..." if some["count"] > len(some["first"]) else "")
