"""``coldstart store``: list, show, verify, heal, clean and copy the artefacts of a store."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldstart.cli import copy, gc
from coldstart.cli.clone import (
    RESULTS,
    chosen_store,
    chosen_stores,
    key_pointers,
    store_folders,
)
from coldstart.cli.words import row, size, table
from coldstart.common.errors import ColdstartError
from coldstart.common.progress import duration
from coldstart.store import Fault, LayeredStore, Store, heal, heal_pointers
from coldstart.store.catalogue import Catalogue, only_key
from coldstart.store.descent import forged, manifests_of
from coldstart.store.leftovers import WORK, sweep_drafts
from coldstart.store.pointers import indexed, pointed_at

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: "Commands") -> None:
    """Declare the commands."""
    store = commands.add_parser("store", help="list, verify, clean up and copy artefacts")
    actions = store.add_subparsers(required=True, metavar="ACTION")
    for declare in (_add_list, _add_show, _add_verify, gc.add):
        declare(actions).add_argument(
            "--store",
            type=Path,
            help="folder of the store (default: the first in $COLDSTART_STORE, or else in `store` "
            "in config.yaml, or else results/store)",
        )
    gc.add_roots(actions)
    copy.add(actions)


def _add_list(actions: "Commands") -> argparse.ArgumentParser:
    listing = actions.add_parser("list", help="list all artefacts, oldest first")
    listing.add_argument(
        "--json", action="store_true", help="print JSON, a list of mappings, not a table"
    )
    listing.set_defaults(command=_list)
    return listing


def _add_show(actions: "Commands") -> argparse.ArgumentParser:
    show = actions.add_parser("show", help="show how an artefact was made, and from what")
    show.add_argument(
        "artefact",
        metavar="KEY|PREFIX|POINTER",
        help="a key, its first digits, or a pointer file, results/**.json",
    )
    show.set_defaults(command=_show)
    return show


def _add_verify(actions: "Commands") -> argparse.ArgumentParser:
    verify = actions.add_parser("verify", help="read every artefact and report what is damaged")
    verify.add_argument(
        "--heal",
        action="store_true",
        help="remove damaged artefacts, what killed jobs left, and the pointer files in results/ "
        "to artefacts that are not there, so that Snakemake makes them again",
    )
    verify.set_defaults(command=_verify)
    return verify


def _list(arguments: argparse.Namespace) -> int:
    catalogue = _catalogue(chosen_store(arguments))
    uses, named = catalogue.uses(), key_pointers()
    entries = sorted(catalogue.entries.values(), key=lambda entry: (entry.at, entry.key))
    if arguments.json:
        print(json.dumps([
            {
                "key": entry.key, "stage": entry.stage, "what": catalogue.words(entry.key),
                "bytes": entry.bytes, "made": entry.manifest["made"], "inputs": entry.inputs,
                "used_by": uses[entry.key], "pointers": named.get(entry.key, []),
            }
            for entry in entries
        ], indent=2))  # fmt: skip
        return 0
    rows = [
        (*row(entry), str(uses[entry.key]), str(len(named.get(entry.key, []))),
         catalogue.words(entry.key))
        for entry in entries
    ]  # fmt: skip
    print(table(("key", "stage", "size", "age", "by", "used by", "pointers", "what"), rows))
    return 0


def _catalogue(store: Store) -> Catalogue:
    catalogue = Catalogue(store)
    for error in catalogue.unreadable.values():
        print(f"coldstart: {error}", file=sys.stderr)
    return catalogue


def _show(arguments: argparse.Namespace) -> int:
    catalogue = Catalogue(chosen_store(arguments))
    path, known = Path(arguments.artefact), [*catalogue.entries, *catalogue.unreadable]
    if path.suffix == ".json" or path.is_file():
        key = pointed_at(path) or indexed(RESULTS).get(os.path.relpath(path))
    else:
        key = only_key(known, arguments.artefact, str(catalogue.store.root))
    if key is None:
        raise ColdstartError(
            f"{path} is neither a pointer file nor the path of one that a run has planned. Such "
            "files are results/**.json."
        )
    if key in catalogue.unreadable:
        raise catalogue.unreadable[key]
    if key not in catalogue.entries:
        raise ColdstartError(f"{key}, which {path} names, is not in {catalogue.store.root}.")
    entry = catalogue.entries[key]
    print(f"key     {key}")
    print(f"stage   {entry.stage}")
    print(f"code    {entry.manifest.get('code')}")
    print("recipe")
    print(_indented(json.dumps(entry.manifest["recipe"], indent=2)))
    print("files")
    for name, file in entry.manifest["files"].items():
        print(f"  {name}  {size(file['bytes'])}  sha256 {file['sha256']}")
    print("made")
    for name, value in entry.manifest["made"].items():
        print(f"  {name:<9} {_formatted(name, value)}")
    print("from")
    for line in catalogue.tree(key):
        print(f"  {line}")
    return 0


def _formatted(name: str, value: Any) -> str:
    if name == "seconds" and isinstance(value, int | float):
        return duration(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {number}" for key, number in value.items())
    return "-" if value is None else str(value)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _verify(arguments: argparse.Namespace) -> int:
    store, *others = chosen_stores(arguments).stores
    store.require_store()
    faults = _verified(store)
    elsewhere = sum(len(_verified(other)) for other in others)
    if arguments.heal:
        healing = heal(store, faults)
        for key in healing.discarded:
            print(f"removed the artefact {key}")
        for key in healing.left:
            print(f"left the artefact {key}: somebody has published it anew")
        if healing.swept:
            print(f"removed {healing.swept} abandoned folders")
        _heal_clone(store)
        healed = {*healing.discarded, *healing.left}
        faults = [fault for fault in faults if fault.key not in healed]
    elif any(fault.damaged for fault in faults):
        print(f"{store.remedy} removes what is damaged, so that it is made again.")
    print(f"{len(store.keys())} artefacts in {store.root}, {len(faults)} faults")
    if elsewhere:
        print(f"{elsewhere} faults in stores that are only read: ask their owners to heal them.")
    return 1 if faults or elsewhere else 0


def _heal_clone(store: Store) -> None:
    """Remove dangling pointers and abandoned drafts of this clone, if it uses the healed store."""
    folders = store_folders()
    if store.root.resolve() not in [folder.resolve() for folder in folders]:
        print(f"left this clone's pointers as they are: it does not use the store {store.root}")
        return
    for pointer in heal_pointers(LayeredStore(*folders), RESULTS):
        print(f"removed the pointer {pointer}")
    for draft in sweep_drafts(RESULTS / WORK):
        print(f"removed the abandoned draft {draft}")


def _verified(store: Store) -> list[Fault]:
    """Verify one store, print its faults with its name, and return them."""
    faults = store.verify()
    unsound = {fault.key for fault in faults}
    lookup = manifests_of(store)
    faults += [fault for fault in forged(store.keys(), lookup) if fault.key not in unsound]
    for fault in faults:
        print(f"{store.root}: {fault}")
    return faults
