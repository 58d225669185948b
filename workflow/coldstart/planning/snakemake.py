"""The seam between Snakemake and the plan: what the rule files call."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coldstart
from coldstart.common.errors import ColdstartError
from coldstart.common.paths import RESULTS
from coldstart.common.place import complaint
from coldstart.config.load import load
from coldstart.config.loading.given import as_typed
from coldstart.config.loading.yaml import read_yaml
from coldstart.config.recipes.datasets.folder import Folder
from coldstart.data.source import reader
from coldstart.planning import ranking
from coldstart.planning.chains import GROUP, Chains
from coldstart.planning.cycles import Cycle
from coldstart.planning.plan import Plan
from coldstart.planning.requests import Method, Requests, listed, require_fit
from coldstart.planning.resources import Needs
from coldstart.running.places import export_places, export_said
from coldstart.running.settings import choose_stores
from coldstart.running.slurm import HALF_A_DAY, allowed_minutes, largest_node
from coldstart.store import LayeredStore
from coldstart.store.pointers import settle
from coldstart.store.provenance import export_commit

CONFIG = Path("config.yaml")
"""The settings of a clone."""

TINY = 16 * 16
"""Images of at most this many pixels are tiny."""

NUMBERS = {"seed", "trial", "budget"}
"""Wildcards that are numbers."""

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
        typed = as_typed(config, workflow.config_settings.config_args or ())
        self.loaded = load(typed, files, root / "workflow")
        self.config = self.loaded.config
        stores = choose_stores(
            self.config.store if "store" in workflow.config_settings.config else None,
            self.config.store,
            root,
        )
        self.settings = self.config.of_machine(stores)
        self.plan = Plan(self.loaded, LayeredStore(*self.settings.stores))
        self.requests = Requests(self.plan, self.config.device, _training_gpus(workflow))
        self.chains = Chains(self.plan.cycles, self.requests.minutes_of)
        export_commit(root)
        self._export()

    def _export(self) -> None:
        """Hand on to jobs, as environment variables, all that is part of no key."""
        self.settings.export()
        export_places(self.plan.maker.places)
        export_said(self.plan.maker.said)
        self._exported = self._found()

    def _found(self) -> int:
        """Count what planning has found out so far that jobs are to know."""
        return len(self.plan.maker.places) + len(self.plan.maker.said)

    def start(self, workflow: Any) -> None:
        """Check and note, before the first job, what the run goes on from.

        A job that would read an artefact which is gone ends the run here, before work is spent.
        """
        jobs = list(workflow.dag.needrun_jobs())
        made = {file for job in jobs for file in job.output}
        read = (str(file) for job in jobs for file in job.input if file not in made)
        lost = self.plan.maker.lost(read)
        if lost:
            sys.exit(f"Error: {lost}")
        for job in jobs:
            _ = job.resources  # asked for here, so that one that no node can meet ends the run now
        settle(RESULTS, self.plan.maker.all_planned(), self.plan.store.has)

    def inputs(self, method: Method) -> Function:
        """The pointers that the job waits for."""

        def needed(named: dict[str, Any]) -> list[str]:
            made = listed(method(**named))
            own = {planned.pointer for planned in made}
            read = [one for planned in made for one in planned.inputs.values()]
            return self.plan.maker.need(one for one in read if one.pointer not in own)

        return self._readable(needed)

    def artefacts(self, method: Method) -> Function:
        """Params of the job that makes an artefact, or several one after the other."""
        return self._readable(
            lambda named: [planned.params() for planned in listed(method(**named))]
        )

    def threads(self, most: int) -> Function:
        """Threads of a job on a pool's images: one where they are tiny, else ``most``.

        Nets for such images gain nothing from a second thread, and two jobs at once do.
        """

        def count(named: dict[str, Any]) -> int:
            height, width, _ = self.requests.facts(named).shape
            return 1 if height * width <= TINY else most

        return self._readable(count)

    def reading_threads(self, most: int) -> Function:
        """Threads of a job that reads a data set: ``most`` where it decodes a folder of files."""

        def count(named: dict[str, Any]) -> int:
            recipe = self.plan.recipes.get("datasets", named["dataset"])
            return most if isinstance(recipe, Folder) and named["what"] == "images" else 1

        return self._readable(count)

    def mem_mb(self, method: Method) -> Callable[[Any, int], int]:
        """Megabytes that a job asks for; more with each attempt, but no more than a node has."""

        def asked(named: dict[str, Any]) -> tuple[Needs, int]:
            made = listed(method(**named))
            gpu = any(map(self.requests.on_gpu, made))
            needs, largest = self.requests.needs(method, named), largest_node(gpu)
            require_fit(made[-1].waits_for, needs, largest, gpu)
            return needs, largest

        return self._growing(asked)

    def runtime(self, method: Method) -> Callable[[Any, int], int]:
        """Minutes that a job asks for; more with each attempt."""
        needs = self._readable(lambda named: self.requests.needs(method, named))
        return lambda wildcards, attempt: needs(wildcards).grown(attempt).minutes

    def chain(self, workflow: Any) -> Function:
        """The group of a cycle, whose jobs share a submission to a cluster; None for no group."""

        def group(named: dict[str, Any]) -> str | None:
            name = self.chains.group(Cycle(**named))
            if name:  # the profile's `group-components` are by this name
                workflow.parent_groupids[name] = GROUP
            return name

        return self._readable(group)

    def beside(self, workflow: Any, group: str) -> Function:
        """The group of a short job: those that wait for the same encoder share a submission.

        Jobs that wait for no encoder are not held up by those that do, nor one encoder's by
        another's. There is no group where a partition allows too little for times that add up.

        Args:
            workflow: Snakemake's.
            group: the name by which the profile says how many such jobs are packed.
        """

        def name(named: dict[str, Any]) -> str | None:
            if 0 < (allowed_minutes() or 0) < HALF_A_DAY:
                return None
            where = named if "pool" in named else self._read_by_selection(**named)
            found = f"{group}-{where['pool']}-{where['encoder']}"
            workflow.parent_groupids[found] = group
            return found

        return self._readable(name)

    def _read_by_selection(self, study: str, run: str, seed: int, sampler: str) -> dict[str, str]:
        """The pool and the encoder that a sampler reads, or the word ``none``."""
        setup = self.plan.cycles.run(study, run)
        # Tables of an encoder, or of a classifier on its embeddings.
        reads = self.plan.recipes.get("samplers", sampler).reads
        return {"pool": setup.pool, "encoder": setup.read_encoder if reads else "none"}

    def cycle_runtime(self) -> Callable[[Any, int], int]:
        """Minutes that a cycle asks for; the times of a chain must not exceed the partition's."""
        asked = self.runtime(self.plan.cycles.cycle)
        longest = self._readable(lambda named: self.chains.longest(Cycle(**named)))

        def minutes(wildcards: Any, attempt: int) -> int:
            grown = asked(wildcards, attempt)
            return min(grown, longest(wildcards) or grown)

        return minutes

    def gpu(self, method: Method) -> Function:
        """Number of GPUs that a job asks for."""
        return self._readable(lambda named: max(map(self.requests.gpus, listed(method(**named)))))

    def sources(self) -> Function:
        """Nothing to wait for; but a set that is not there is said before any job starts."""

        def check(named: dict[str, Any]) -> list[str]:
            planned = self.plan.data.ingested(**named)
            if not (self.plan.store.has(planned.key) or self.settings.download):
                recipe = planned.identity.recipe
                message = reader(recipe["source"]).missing(recipe, self.settings)
                if message:
                    raise ColdstartError(message)
            return []

        return self._readable(check)

    def weights(self) -> Function:
        """Nothing to wait for; but weights that are not there are said before any job starts."""

        def check(named: dict[str, Any]) -> list[str]:
            planned = self.plan.encoders.checkpoint(**named)
            message = self.plan.encoders.missing_weights(planned)
            if message and not self.plan.store.has(planned.key):
                raise ColdstartError(f"encoder `{named['encoder']}`: {message}")
            return []

        return self._readable(check)

    def target_inputs(self, folder: str) -> Function:
        """The pointers that a figure or table waits for, and the paper's table that it shows."""
        return self._readable(lambda named: self.plan.figures.target_inputs(folder=folder, **named))

    def target_params(self, folder: str) -> Function:
        """Params of the job that draws a figure or table."""
        return self._readable(lambda named: self.plan.figures.target_params(folder=folder, **named))

    def all_embeddings(self) -> Function:
        """The pointers of the embeddings that the studies read."""
        return self._readable(
            lambda _: self.plan.maker.need(self.plan.figures.all_embeddings(self.config.studies))
        )

    def ranking_inputs(self) -> Function:
        """Pointers and figures that the ranking of the own images waits for."""
        return self._readable(lambda _: ranking.inputs(self.plan))

    def ranking_mem_mb(self) -> Callable[[Any, int], int]:
        """Megabytes that the ranking of the own images asks for; more with each attempt."""

        def asked(_: dict[str, Any]) -> tuple[Needs, int]:
            needs, largest = ranking.needs(self.plan), largest_node(False)
            require_fit("the ranking", needs, largest, False)
            return needs, largest

        return self._growing(asked)

    def ranking_params(self) -> Function:
        """Params of the job that writes the ranking."""
        return self._readable(lambda _: ranking.params(self.plan))

    def _growing(
        self, asked: Callable[[dict[str, Any]], tuple[Needs, int]]
    ) -> Callable[[Any, int], int]:
        """Megabytes by wildcards and attempt, from the first request and the largest node."""
        readable = self._readable(asked)

        def megabytes(wildcards: Any, attempt: int) -> int:
            needs, largest = readable(wildcards)
            return int(needs.grown(attempt, largest).megabytes)

        return megabytes

    def _readable(self, function: Callable[[dict[str, Any]], Any]) -> Function:
        """Call with the wildcards by name; end on a mistake with its message alone.

        Snakemake would print an exception with a traceback. Leaving is the one way that it lets
        pass. What the plan has found out for the answer is handed on to jobs.
        """

        def called(wildcards: Any) -> Any:
            named = {
                name: int(value) if name in NUMBERS else value for name, value in wildcards.items()
            }
            try:
                return function(named)
            except ColdstartError as error:
                sys.exit(f"Error: {error}")
            finally:
                if self._found() > self._exported:
                    self._export()

        return called


def require_place(workflow: Any) -> None:
    """Check where the run stands, before Snakemake reads the settings that lie there."""
    root, here = Path(workflow.basedir).resolve(), Path.cwd().resolve()
    try:
        for path in (str(here), sys.executable):
            if found := complaint(path):
                raise ColdstartError(found)
        if here != root:
            raise ColdstartError(
                f"the run's folder is {here}, but the Snakefile is that of {root}: a clone works "
                f"in its own folder. Go there, or say so: snakemake --directory {root}"
            )
        if CONFIG.is_file() and not read_yaml(CONFIG):
            raise ColdstartError(f"{CONFIG}: has no setting; write one, such as `scale: cpu`")
    except ColdstartError as error:
        sys.exit(f"Error: {error}")


def setup(config: dict[str, Any], workflow: Any) -> Rules:
    """Read and check everything that a run is made of; a mistake ends the run before any job."""
    try:
        return Rules(config, workflow)
    except ColdstartError as error:
        sys.exit(f"Error: {error}")


def _training_gpus(workflow: Any) -> int:
    """GPUs of a training: what ``--set-resources pretrain:gpu=`` says, or else the profile."""
    given = workflow.resource_settings.overwrite_resources.get("pretrain", {})
    asked = str(given["gpu"].raw) if "gpu" in given else os.environ.get("COLDSTART_GPUS", "1")
    return int(asked) if asked.isdecimal() else 1


def _same_clone(root: Path) -> None:
    """Refuse to run this clone's rules on another clone's package: its edits would not count."""
    package = Path(coldstart.__file__).resolve().parent
    if package != (root / "workflow" / "coldstart").resolve():
        raise ColdstartError(
            f"the package `coldstart` is imported from {package}, not from this clone ({root}). "
            "Run `make setup` here and activate this clone's .venv."
        )
