"""A planned artefact made in this process, for a debugger or a notebook."""

import importlib
from collections.abc import Callable

from coldstart.common.errors import ColdstartError
from coldstart.planning.artefact import Planned
from coldstart.running.job import Job, make_and_publish
from coldstart.running.settings import Settings
from coldstart.store import Store


def make_here(planned: Planned, store: Store, settings: Settings) -> str:
    """Make a planned artefact in this process, and publish it; returns its key.

    Raises:
        ColdstartError: an input is not in the store.
    """
    for made_from in planned.inputs.values():
        if not store.has(made_from.key):
            raise ColdstartError(
                f"{made_from.pointer} is an input that no store has. Make it first: "
                f"snakemake --cores all {made_from.pointer}"
            )
    make_and_publish(planned.identity, store, settings, 0, stage_of(planned))
    return planned.identity.key


def stage_of(planned: Planned) -> Callable[[Job], None]:
    """Import the function that makes an artefact."""
    # The stages whose function is not the only one of its module.
    named = {"images": "make_images", "labels": "make_labels", "query": "make_query"}
    name = named.get(planned.identity.stage, "make")
    make: Callable[[Job], None] = getattr(importlib.import_module(planned.modules[0]), name)
    return make
