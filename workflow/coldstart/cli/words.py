"""Sizes, ages and tables as text for people."""

import argparse
import re
import time
from collections.abc import Sequence

from coldstart.common.progress import duration
from coldstart.store.catalogue import Entry

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def size(count: int) -> str:
    """Format a number of bytes: ``1500000`` -> ``1.5 MB``."""
    rest = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if rest < 1000:
            return f"{rest:.3g} {unit}"
        rest /= 1000
    return f"{rest:.3g} TB"


def age(at: float) -> str:
    """Format the time since a moment: ``3 d``.

    Args:
        at: seconds since 1970.
    """
    seconds = max(0.0, time.time() - at)
    return f"{seconds / 86400:.0f} d" if seconds >= 2 * 86400 else duration(seconds)


def seconds(text: str) -> float:
    """Parse a time given to an option: ``30d`` -> 2592000.0."""
    found = re.fullmatch(r"(\d+)([dhms])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 30d, 12h, 90m or 0s")
    return float(found[1]) * _UNITS[found[2]]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows as columns below their names, each as wide as its widest entry."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )


def row(entry: Entry) -> tuple[str, str, str, str, str]:
    """Key, stage, size, age and maker of an artefact."""
    return entry.key[:12], entry.stage, size(entry.bytes), age(entry.at), entry.by
