"""The place of a clone: a path that every shell and Snakemake leave as it is.

Snakemake writes the path of the environment's Python into shell commands without quoting it.
``make setup`` runs this file before it installs anything, by whichever Python there is.
"""

import os
import sys

PLAIN = "/._-+@,=%^~"
"""Characters beside letters and digits that no shell gives a meaning to within a word."""


def strange_characters(path: str) -> str:
    """The characters of a path that a shell may act on, each once, in the order of the path."""
    return "".join(dict.fromkeys(c for c in path if not (c.isalnum() or c in PLAIN)))


def complaint(path: str) -> str:
    """A sentence about a path in which no clone can work; empty for any other."""
    strange = strange_characters(path)
    if not strange:
        return ""
    return (
        f"Coldstart cannot work in {path!a}: Snakemake hands this path to the shell, which "
        f"gives {' '.join(map(ascii, strange))} a meaning of its own. Move the clone to a folder "
        "whose path has letters, digits and hyphens only."
    )


if __name__ == "__main__":
    sys.exit(complaint(os.getcwd()) or None)
