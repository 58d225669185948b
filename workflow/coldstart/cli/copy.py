"""``coldstart store copy``: copy artefacts from one store to another."""

import argparse
from typing import TYPE_CHECKING

from coldstart.cli.words import size
from coldstart.common.errors import ColdstartError
from coldstart.store.catalogue import only_key
from coldstart.store.ends import end_at
from coldstart.store.transfer import copy

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add(actions: "Commands") -> None:
    """Declare the command."""
    copying = actions.add_parser(
        "copy",
        help="copy artefacts and what they were made from to another store",
        description="Copy artefacts and what they were made from. SOURCE and DESTINATION are "
        "folders, or addresses such as s3://bucket/prefix or sftp://host/folder. Artefacts that "
        "are there already are skipped, so the same command resumes after an interruption.",
    )
    copying.add_argument("source", metavar="SOURCE")
    copying.add_argument("destination", metavar="DESTINATION")
    choice = copying.add_mutually_exclusive_group()
    choice.add_argument(
        "--key", action="append", metavar="KEY|PREFIX", help="only this artefact (repeatable)"
    )
    choice.add_argument(
        "--study", action="append", help="only the artefacts of this clone's study (repeatable)"
    )
    copying.set_defaults(command=_copy)


def _copy(arguments: argparse.Namespace) -> int:
    source, destination = end_at(arguments.source), end_at(arguments.destination)
    available = source.keys()
    if arguments.study:
        from coldstart.cli.plans import reach

        reached = reach(arguments.study)
        keys = [key for key in available if key in reached]
    elif arguments.key:
        keys = [only_key(available, prefix, source.name) for prefix in arguments.key]
    else:
        keys = available
    if not keys:
        raise ColdstartError(f"{arguments.source} has no such artefacts: nothing was copied.")
    record = copy(source, destination, keys)
    print(
        f"copied {len(record.copied)} artefacts, {size(record.bytes)}; "
        f"{record.there} were there already"
    )
    return 0
