"""Names of recipes, runs, figures and tables: parts of paths, which the rules' wildcards match."""

import re
from collections.abc import Collection

import yaml

MOST = 100
"""Characters of a name at most: a file's name has 255, with what is put behind it."""

RESERVED = {
    ("pools", "images"): "`results/data/pools/images.json` would be the images of a data set",
    ("pools", "labels"): "`results/data/pools/labels.json` would be the labels of a data set",
    ("studies", "pools"): "`pools` is where data sheets lie",
}
"""Names that a kind may not have, and why."""


def name_problem(name: str, kind: str = "", taken: Collection[str] = ()) -> str | None:
    """Say what is wrong with a name, and propose a valid one; None if nothing is wrong.

    Args:
        name: as it stands in the file.
        kind: of the recipe; empty for a part of a study.
        taken: the names that there are already, one of which is never proposed.
    """
    fault = RESERVED.get((kind, name)) or _fault(name)
    if fault is None:
        return None
    return (
        f"`{name}` is no name: {fault}. Names are lower-case words and digits, joined by hyphens"
        f"{_proposal(name, kind, taken)}"
    )


def _fault(name: str) -> str | None:
    if not name:
        return "it is empty"
    others = re.findall("[^a-z0-9-]", name)
    if others:
        return f"it has {', '.join(dict.fromkeys(map(_called, others)))}"
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name):
        return "a hyphen stands between two words, one at a time"
    return f"it has more than {MOST} characters" if len(name) > MOST else None


def _called(character: str) -> str:
    """Name a character that no name may have."""
    if character.isspace():
        return "a blank"
    if re.fullmatch("[A-Z]", character):
        return "capitals"
    return f"`{character}`" if character.isprintable() else "a character that is not printable"


def _proposal(name: str, kind: str, taken: Collection[str]) -> str:
    """Propose a name in a sentence, if one comes of it."""
    words = re.findall("[a-z0-9]+", name.lower())
    if not words:
        return ""
    proposed = "-".join(words)[:MOST].strip("-")
    # YAML reads some words as something else than text: true, null, 12, 1e3.
    if (kind, proposed) in RESERVED or not isinstance(yaml.safe_load(proposed), str):
        proposed = f"my-{proposed}"
    number, free = 2, proposed
    while free in taken:
        free, number = f"{proposed}-{number}", number + 1
    return f". Rename it to `{free}`"
