"""Paths as users write them."""

import os
from pathlib import Path

RESULTS = Path("results")
"""The folder of a clone to which runs write: pointers, figures, tables, logs."""


def expand(text: str, base: Path = Path()) -> Path:
    """The path that a text names: as written where that exists, else with ``~`` and variables.

    A folder may have a dollar sign in its name, so the literal path comes first.

    Args:
        text: the path.
        base: the folder that a relative path starts from.
    """
    literal = base / text
    try:
        there = os.path.lexists(literal)
    except ValueError:  # a null character
        there = False
    return literal if there else base / os.path.expanduser(os.path.expandvars(text))
