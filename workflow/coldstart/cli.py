"""The command ``coldstart``: looking after the store and the schemas, from a terminal."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from coldstart.errors import ColdstartError
from coldstart.progress import duration
from coldstart.store import Store, heal

RESULTS = Path("results")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 1 for a fault that the user can mend."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        status: int = arguments.command(arguments)
    except ColdstartError as error:
        print(f"coldstart: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "coldstart", description="Look after Coldstart's artefacts and schemas."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_store(commands)
    _add_schema(commands)
    return parser


def _add_store(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    store = commands.add_parser("store", help="verify or list the artefacts in a store")
    actions = store.add_subparsers(required=True, metavar="ACTION")

    verify = actions.add_parser("verify", help="read every artefact and report what is damaged")
    verify.add_argument(
        "--heal",
        action="store_true",
        help="remove damaged artefacts, what killed jobs left, and the pointer files in results/ "
        "to artefacts that are not there, so that Snakemake makes them again",
    )
    verify.set_defaults(command=_verify)

    listing = actions.add_parser("list", help="one line for each artefact, oldest first")
    listing.set_defaults(command=_list)

    for action in (verify, listing):
        action.add_argument(
            "--store",
            type=Path,
            default=Path(os.environ.get("COLDSTART_STORE") or RESULTS / "store").expanduser(),
            help="folder of the store (default: $COLDSTART_STORE, or results/store)",
        )


def _add_schema(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    schema = commands.add_parser("schema", help="write the JSON schemas of the YAML files anew")
    schema.set_defaults(command=_schema)


def _schema(arguments: argparse.Namespace) -> int:
    from coldstart.config import schema  # not at the top: the store's commands need no recipes

    for file in schema.write(schema.FOLDER):
        print(f"wrote {file}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    store = Store(arguments.store)
    faults = store.verify()
    for fault in faults:
        print(fault)
    if arguments.heal:
        healing = heal(store, faults, RESULTS)
        for key in healing.discarded:
            print(f"removed the artefact {key}")
        for pointer in healing.pointers:
            print(f"removed the pointer {pointer}")
        if healing.swept:
            print(f"removed {healing.swept} abandoned folders")
        faults = [fault for fault in faults if fault.key not in healing.discarded]
    elif any(fault.damaged for fault in faults):
        print(f"{store.remedy} removes what is damaged, so that it is made again.")
    print(f"{len(store.keys())} artefacts in {store.root}, {len(faults)} faults")
    return 1 if faults else 0


def _list(arguments: argparse.Namespace) -> int:
    store = Store(arguments.store)
    rows = []
    for key in store.keys():  # noqa: SIM118 - not a mapping
        try:
            rows.append((*_made(store, key), key))
        except ColdstartError as error:
            print(f"coldstart: {error}", file=sys.stderr)
    for at, stage, size, by, key in sorted(rows):
        print(f"{key[:12]}  {stage:<12}  {_size(size):>8}  {_age(at):>12}  {by}")
    return 0


def _made(store: Store, key: str) -> tuple[float, str, int, str]:
    """When an artefact was made (seconds since 1970), by which stage, its bytes, and by whom."""
    manifest = store.manifest(key)
    size = sum(entry["bytes"] for entry in manifest["files"].values())
    made = manifest["made"]
    try:
        at = datetime.fromisoformat(str(made.get("at"))).timestamp()
    except ValueError:
        at = 0.0
    return at, manifest["stage"], size, str(made.get("by", "?"))


def _size(count: int) -> str:
    """``1500000`` -> ``1.5 MB``."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _age(at: float) -> str:
    seconds = max(0.0, time.time() - at)
    return f"{seconds / 86400:.0f} d" if seconds >= 2 * 86400 else duration(seconds)
