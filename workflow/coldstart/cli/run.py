"""``coldstart run``: one job in this process, for a debugger, a profiler or a notebook."""

import argparse
from typing import TYPE_CHECKING

from coldstart.cli.clone import store_folders
from coldstart.common.errors import ColdstartError, nearest
from coldstart.store import LayeredStore

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(commands: "Commands") -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="make one artefact in this process, outside of Snakemake",
        description="Make the artefact that a pointer file of a study stands for, in this process, "
        "so that breakpoints work: python -m pdb -m coldstart.cli run POINTER. The artefact is "
        "published; if the store has it already, the store's copy stays and this one is dropped.",
    )
    parser.add_argument("pointer", metavar="POINTER", help="such as results/data/pools/digits.json")
    parser.add_argument("--scale", help="paper, cpu or smoke (default: `scale` in config.yaml)")
    parser.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    from coldstart.cli.plans import all_of, plan_at, planned_for
    from coldstart.planning.here import make_here
    from coldstart.running.places import export_places

    store = LayeredStore(*store_folders())
    plan, _ = plan_at(store, arguments.scale)
    ends = (one for study in plan.recipes.names("studies") for one in planned_for(plan, study))
    planned = {one.pointer: one for one in all_of(ends)}
    if arguments.pointer not in planned:
        hint = nearest(arguments.pointer, planned)
        raise ColdstartError(
            f"{arguments.pointer} is not the pointer of an artefact that a study reaches"
            f"{hint if hint.startswith('; did') else ''}"
        )
    export_places(plan.maker.places)
    key = make_here(planned[arguments.pointer], store, plan.config.of_machine(store_folders()))
    print(f"{arguments.pointer} stands for {key}")
    return 0
