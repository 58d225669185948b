"""The seam between Snakemake and the plan: what the rule files call."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coldstart
from coldstart.config.load import load
from coldstart.data.sources import missing_files
from coldstart.errors import ColdstartError
from coldstart.plan import Plan, Planned
from coldstart.settings import Settings
from coldstart.store import Store

TINY = 16 * 16
"""Pixels up to which an image is."""

Function = Callable[[Any], Any]
"""A function of wildcards, as Snakemake calls it."""


class Rules:
    """Inputs and params of the rules, as functions of their wildcards.

    A wildcard has the name of the argument of the plan's method that it is given to.
    """

    def __init__(self, config: dict[str, Any], workflow: Any) -> None:
        root = Path(workflow.basedir)
        _same_clone(root)
        files = [Path(file) for file in workflow.configfiles]
        self.loaded = load(config, files, root / "workflow")
        self.config = self.loaded.config
        self.settings = Settings(
            store=Path(self.config.store),
            data_dir=Path(self.config.data_dir),
            download=self.config.download,
            device=self.config.device,
        )
        self.settings.export()
        self.gpus = 0 if self.config.device == "cpu" else 1
        self.plan = Plan(self.loaded, Store(self.settings.store))

    def inputs(self, method: Callable[..., Planned]) -> Function:
        """The pointers that the job waits for."""
        return _readable(lambda named: self.plan.need(method(**named).inputs.values()))

    def artefact(self, method: Callable[..., Planned]) -> Function:
        """What the job is told of the artefact that it makes."""
        return _readable(lambda named: method(**named).params())

    def threads(self, most: int) -> Function:
        """Threads of a job on a pool's images: one where they are tiny, else ``most``.

        Nets for such images gain nothing from a second thread, and two jobs at once do.
        """

        def count(named: dict[str, Any]) -> int:
            pool = named.get("pool") or self.plan.run(named["study"], named["run"]).pool
            height, width, _ = self.plan.shape(pool)
            return 1 if height * width <= TINY else most

        return _readable(count)

    def sources(self) -> Function:
        """Nothing to wait for; but a set that is not there is said before any job starts."""

        def check(named: dict[str, Any]) -> list[str]:
            planned = self.plan.ingested(**named)
            if not (self.plan.store.has(planned.key) or self.settings.download):
                source = planned.identity.recipe["source"]
                message = missing_files(source, self.settings.data_dir)
                if message:
                    raise ColdstartError(message)
            return []

        return _readable(check)

    def target_inputs(self, folder: str) -> Function:
        """The pointers that a figure or table waits for, and the paper's table that it shows."""
        return _readable(lambda named: self.plan.target_inputs(folder=folder, **named))

    def target_params(self, folder: str) -> Function:
        """What the job that draws a figure or table is told."""
        return _readable(lambda named: self.plan.target_params(folder=folder, **named))


def setup(config: dict[str, Any], workflow: Any) -> Rules:
    """Read and check everything that a run is made of; a mistake ends the run before any job."""
    try:
        return Rules(config, workflow)
    except ColdstartError as error:
        sys.exit(f"Error: {error}")


def _same_clone(root: Path) -> None:
    """Refuse to run this clone's rules on another clone's package: its edits would not count."""
    package = Path(coldstart.__file__).resolve().parent
    if package != (root / "workflow" / "coldstart").resolve():
        raise ColdstartError(
            f"the package `coldstart` is imported from {package}, not from this clone ({root}). "
            "Run `make setup` here and activate this clone's .venv."
        )


def _readable(function: Callable[[dict[str, Any]], Any]) -> Function:
    """Call with the wildcards by name; end on a mistake with its message alone.

    Snakemake would print an exception with a traceback. Leaving is the one way that it lets pass.
    """

    def called(wildcards: Any) -> Any:
        named = {name: int(value) if name == "seed" else value for name, value in wildcards.items()}
        try:
            return function(named)
        except ColdstartError as error:
            sys.exit(f"Error: {error}")

    return called
