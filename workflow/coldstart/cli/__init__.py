"""The command ``coldstart``: stores, bundles, single jobs, costs of studies, and schemas."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from coldstart.cli import bundle, cost, run, store
from coldstart.common.errors import ColdstartError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 1 for an error that the user can mend."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        status: int = arguments.command(arguments)
    except ColdstartError as error:
        print(f"coldstart: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "coldstart", description="Manage Coldstart's artefacts, jobs, studies and schemas."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    store.add(commands)
    bundle.add(commands)
    run.add(commands)
    cost.add(commands)
    schema = commands.add_parser("schema", help="write the JSON schemas of the YAML files anew")
    schema.set_defaults(command=_schema)
    return parser


def _schema(arguments: argparse.Namespace) -> int:
    from coldstart.config.loading import (
        schema,  # not at the top: the store's commands need no recipes
    )

    for file in schema.write(schema.FOLDER):
        print(f"wrote {file}")
    return 0
