"""``coldstart store gc`` removes what nobody needs; ``roots`` lists what this clone needs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from coldstart.cli.clone import chosen_store
from coldstart.cli.words import row, seconds, size, table
from coldstart.store.collect import remove, scan

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(actions: "Commands") -> argparse.ArgumentParser:
    """Declare the command."""
    collect = actions.add_parser(
        "gc",
        help="remove artefacts that no study and no pointer needs",
        description="Remove artefacts that are not young (see --older-than) and that no study (at "
        "any scale) and no pointer needs, in this clone or in those that --clone names. Without "
        "--yes, only list them.",
    )
    collect.add_argument(
        "--clone",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="another clone that uses this store; its own code is run to find what it needs "
        "(repeatable)",
    )
    collect.add_argument(
        "--older-than",
        type=seconds,
        default=seconds("30d"),
        metavar="TIME",
        help="keep young artefacts, which came to the store less than this long ago (default: 30d)",
    )
    collect.add_argument(
        "--yes", action="store_true", help="remove them; without it, only list them"
    )
    collect.set_defaults(command=_gc)
    return collect


def add_roots(actions: "Commands") -> None:
    """Declare the command by which ``gc`` asks other clones for the keys that they need."""
    listing = actions.add_parser(
        "roots", help="the keys that this clone's studies and pointers need"
    )
    listing.set_defaults(command=_roots)


def _gc(arguments: argparse.Namespace) -> int:
    from coldstart.cli.plans import roots, roots_of

    store = chosen_store(arguments)
    store.require_store()
    needed = roots().union(*map(roots_of, arguments.clone))
    found = scan(store, needed, arguments.older_than)
    print(table(("key", "stage", "size", "age", "by"), [row(entry) for entry in found.garbage]))
    total = sum(entry.bytes for entry in found.garbage)
    print(
        f"{len(found.garbage)} of {len(found.seen)} artefacts in {store.root} are not needed: "
        f"{size(total)}. {found.young} more are kept because they are young, {found.left_alone} "
        "because their manifests cannot be read or have another format."
    )
    if not arguments.yes:
        print(
            "Nothing was removed. First name the clones of all who use this store with --clone; "
            "then remove the artefacts with --yes."
        )
        return 0
    gone = list(remove(found))
    print(f"removed {len(gone)} artefacts, {size(sum(entry.bytes for entry in gone))}")
    return 0


def _roots(arguments: argparse.Namespace) -> int:
    from coldstart.cli.plans import roots

    for key in sorted(roots()):
        print(key)
    return 0
