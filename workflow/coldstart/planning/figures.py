"""Figures and tables, which are files of a clone and not artefacts of the store."""

from collections.abc import Iterator, Sequence
from typing import Any

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.recipes.figures.data_sheet import DataSheet
from coldstart.config.recipes.figures.embedding_map import EmbeddingMap
from coldstart.config.recipes.runs import Run
from coldstart.config.recipes.targets import Target
from coldstart.planning.artefact import Planned
from coldstart.planning.cycles import Cycle, Cycles
from coldstart.planning.data import Data
from coldstart.planning.encoders import Encoders
from coldstart.planning.fingerprint import classes_of, fingerprint, source_digest
from coldstart.planning.maker import Maker

FIGURE_FORMATS = ("svg", "pdf", "png", "csv")
"""Formats of each figure; the CSV holds its numbers."""

POOLS = "pools"
"""Stands where a study does in the path of a pool's data sheet."""

FIGURE_MODULES = (
    "coldstart.figures.draw",
    "coldstart.figures.style",
    "coldstart.figures.data",
)
"""Modules that every figure is drawn with."""

PAGE = ("coldstart.figures.page",)
"""The module that writes a table as a page."""


def computed_by(target: Target) -> tuple[str, ...]:
    """The module of a kind of figure or table, and the one that reads what it shows."""
    return "coldstart.figures." + target.kind.replace("-", "_"), "coldstart.figures.data"


class Figures:
    """Figures and tables of studies: what they read, and what their jobs are told."""

    def __init__(self, maker: Maker, data: Data, encoders: Encoders, cycles: Cycles) -> None:
        self.maker, self.data, self.encoders, self.cycles = maker, data, encoders, cycles
        self.recipes = maker.recipes

    def target(self, study: str, folder: str, name: str) -> Target:
        """The figure or table of a study: ``folder`` is ``figures`` or ``tables``."""
        if (study, folder) == (POOLS, "figures"):
            self.recipes.get("pools", name)
            return DataSheet(kind="data-sheet", title=f"Pool {name}")
        targets: dict[str, Target] = getattr(self.recipes.get("studies", study), folder)
        if name not in targets:
            hint = nearest(name, targets)
            raise ColdstartError(f"study `{study}` has no {folder[:-1]} `{name}`{hint}")
        return targets[name]

    def shown(self, study: str, folder: str, name: str) -> dict[str, Planned]:
        """Return what a figure or table reads, by ``<what>/<run>/<encoder seed>[/<sampler>]``."""
        target = self.target(study, folder, name)
        if isinstance(target, DataSheet):
            sheet = {
                f"images/{name}": self.data.images(name),
                f"index/{name}": self.data.index(name),
            }
            return sheet | (
                {f"labels/{name}": self.data.labels(name)} if self.data.classes(name) else {}
            )
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        found: dict[str, Planned] = {}
        for run_name in target.runs or runs:
            run, reads = runs[run_name], target.reads_of(run_name)
            for seed in run.encoder_seeds:
                where = f"{run_name}/{seed}"
                if "metrics" in reads:
                    found[f"metrics/{where}"] = self.cycles.evaluation(study, run_name, seed)
                if "selections" in reads:
                    for sampler in _cold(run, target):
                        chosen = self.cycles.selection(study, run_name, seed, sampler)
                        found[f"selections/{where}/{sampler}"] = chosen
                if "cycles" in reads:
                    for at in self._cycles_shown(study, run_name, seed, target):
                        cycle = f"{at.sampler}/{at.trial}/{at.budget}"
                        found[f"cycles/{where}/{cycle}"] = self.cycles.bought(at)
                if "probes" in reads:
                    found[f"probes/{where}"] = self.encoders.probed(
                        run.pool, run.read_encoder, seed, run.probe
                    )
                if "growth" in reads:
                    found[f"growth/{where}"] = self.cycles.given.growth(study, run_name, seed)
                if "histories" in reads:
                    checkpoint = self.encoders.checkpoint(run.pool, run.read_encoder, seed)
                    found[f"histories/{where}"] = checkpoint
                if "asked" in reads:
                    found[f"embeddings/{where}"] = self._asked(study, run_name, seed, target)
                if "embeddings" in reads:
                    found[f"embeddings/{where}"] = self.encoders.embeddings(
                        run.pool, run.read_encoder, seed, run.embedding
                    )
                if "clusters" in reads:
                    found[f"clusters/{where}"] = self.encoders.clusters(
                        run.pool, run.read_encoder, seed, f"{folder[:-1]} `{name}`"
                    )
            if "images" in reads:
                found[f"images/{run_name}"] = self.data.images(run.pool)
            if "labels" in reads and self.data.classes(run.pool):
                found[f"labels/{run_name}"] = self.data.labels(run.pool)
            if "labelled" in reads and run.labelled is not None:
                found[f"labelled/{run_name}"] = self.data.ingested("labels", run.labelled)
        return found

    def target_params(self, study: str, folder: str, name: str) -> dict[str, Any]:
        """Return the params of the job that draws a figure or table."""
        target = self.target(study, folder, name)
        module, *read_with = computed_by(target)
        return {
            "target": target.model_dump(),
            "caption": target.caption("figure" if folder == "figures" else "table"),
            "keys": {key: planned.key for key, planned in self.shown(study, folder, name).items()},
            "runs": self._described_pool(name)
            if isinstance(target, DataSheet)
            else self._described_runs(study, target),
            "published": self._published(target),
            # The text, not the syntax tree: whoever edits a figure wants it drawn again.
            "code": source_digest(module, *FIGURE_MODULES, *(PAGE if folder == "tables" else ())),
            # The code that these modules compute with, such as the statistics.
            "imports": fingerprint(module, *read_with, recipes=classes_of(target)),
        }

    def target_inputs(self, study: str, folder: str, name: str) -> list[str]:
        """The pointers that it waits for, and the paper's table that it shows."""
        tables = self._published(self.target(study, folder, name))
        return self.maker.need(self.shown(study, folder, name).values()) + tables

    def targets(self, folder: str, studies: Sequence[str]) -> list[str]:
        """The files of these studies' figures (with their pools' data sheets) or tables."""
        names = [
            (study, name)
            for study in studies
            for name in getattr(self.recipes.get("studies", study), folder)
        ]
        if folder == "figures":
            runs = [
                run for study in studies for run in self.recipes.get("studies", study).runs.values()
            ]
            names += [(POOLS, pool) for pool in dict.fromkeys(run.pool for run in runs)]
        formats = FIGURE_FORMATS if folder == "figures" else ("csv",)
        return [
            f"results/{folder}/{study}/{name}.{suffix}"
            for study, name in names
            for suffix in formats
        ]

    def all_embeddings(self, studies: Sequence[str]) -> list[Planned]:
        """The embeddings that these studies read."""
        return [
            self.encoders.embeddings(run.pool, run.read_encoder, seed, run.embedding)
            for study in studies
            for run in self.recipes.get("studies", study).runs.values()
            if run.encoder is not None
            for seed in run.encoder_seeds
        ]

    def _published(self, target: Target) -> list[str]:
        """The paper's table that a figure or table shows, as a file of this clone."""
        published = getattr(target, "published", None)
        return [f"workflow/papers/{published}.csv"] if published else []

    def _described_runs(self, study: str, target: Target) -> dict[str, dict[str, Any]]:
        """Return the description of the runs that a figure shows."""
        described: dict[str, dict[str, Any]] = {}
        for name in target.runs or self.recipes.get("studies", study).runs:
            run = self.cycles.run(study, name)
            described[name] = {
                "title": run.title,
                "pool": run.pool,
                "encoder": run.encoder,
                "samplers": self._described_samplers(name, run, target),
                "classes": self.data.classes(run.pool),
                "candidates": self.data.facts(run.pool).sizes["candidates"],
                "training_images": self._training_images(run.pool),
            }
            if "learner" in target.reads:
                learner = self.recipes.get("learners", run.learner)
                described[name]["learner"] = learner.model_dump()
        return described

    def _training_images(self, pool: str) -> int:
        """The candidates of a pool, and the images that are held out of them for validation."""
        sizes = self.data.facts(pool).sizes
        return sum(sizes.get(split, 0) for split in ("candidates", "validation"))

    def _described_samplers(self, name: str, run: Run, target: Target) -> list[str]:
        """The samplers that a figure shows: none, where it reads nothing of theirs."""
        reads = target.reads_of(name)
        if "metrics" in reads:
            return _wanted(run.samplers + run.queried, target)
        cold = _cold(run, target) if "selections" in reads else []
        asked = _wanted(run.queried, target) if "cycles" in reads else []
        return cold + asked

    def _cycles_shown(self, study: str, run: str, seed: int, target: Target) -> Iterator[Cycle]:
        """The cycles of a run whose picks a figure shows."""
        setup = self.cycles.run(study, run)
        budgets = getattr(target, "budgets", None) or setup.budgets
        for sampler in _wanted(setup.queried, target):
            for trial in range(setup.trials):
                for budget in setup.budgets:
                    if budget in budgets:
                        yield Cycle(study, run, seed, sampler, trial, budget)

    def _asked(self, study: str, run: str, seed: int, target: Target) -> Planned:
        """The embeddings of the first cycle's learner that a figure's queried sampler is given."""
        assert isinstance(target, EmbeddingMap)
        assert target.asked_by is not None
        asked = self.cycles.asked(Cycle(study, run, seed, target.asked_by, 0, target.budget))
        if "embeddings" not in asked.identity.recipe["outputs"]:
            raise ColdstartError(
                f"study `{study}`: a map shows the embeddings that `{target.asked_by}` is given in "
                f"run `{run}`, and it reads none: name one that does under `asked_by`"
            )
        return asked

    def _described_pool(self, pool: str) -> dict[str, dict[str, Any]]:
        """Return the description of a pool for its data sheet."""
        name = self.recipes.get("pools", pool).dataset
        dataset = self.data.dataset(name)
        about = {"pool": pool, "dataset": name, "digest": dataset.digest}
        return {pool: {**about, "classes": dataset.classes}}


def _wanted(samplers: Sequence[str], target: Target) -> list[str]:
    """Return the samplers that a figure or table shows."""
    return [name for name in samplers if target.samplers is None or name in target.samplers]


def _cold(run: Run, target: Target) -> list[str]:
    """The samplers that need no label: the run's own, and the one that its cycles start from."""
    start = [run.initial] if run.queried and run.initial not in run.samplers else []
    return _wanted(run.samplers + start, target)
