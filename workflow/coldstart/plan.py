"""What is made from what: the identity of every artefact, before any of it is made.

The plan knows the way of the data and nothing of Snakemake; the rules ask it for a job's parameters
and for the pointers that the job waits for. All of it is cheap and imports no torch: a Snakefile is
parsed anew in every cluster job.
"""

import functools
import inspect
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

from coldstart.config.load import Loaded
from coldstart.config.studies import Run
from coldstart.config.targets import Target
from coldstart.errors import ColdstartError
from coldstart.fingerprint import fingerprint, source_digest
from coldstart.store import Identity, Reference, Store

log = logging.getLogger("coldstart")

FIGURE_FORMATS = ("svg", "pdf", "png", "csv")
"""What each figure is written as; the CSV holds its numbers."""

FIGURE_MODULES = (
    "coldstart.figures.stage",
    "coldstart.figures.style",
    "coldstart.figures.data",
)
"""What every figure is drawn with."""

P = ParamSpec("P")


@dataclass(frozen=True)
class Planned:
    """An artefact of the store, made or not.

    Attributes:
        identity: what it is; its key is where the store has it.
        key: the key that is used: the identity's, or that of an artefact which other code made
            from the same recipe, where the settings accept that.
        code: the fingerprint of the code that makes it, or made it.
        pointer: path of the small file that a job writes when it has made it.
        inputs: what it is made from.
    """

    identity: Identity
    key: str
    code: str
    pointer: str
    inputs: Mapping[str, "Planned"]

    def params(self) -> dict[str, Any]:
        """What the job that makes it is told. Snakemake reruns it when this changes."""
        return {
            "key": self.key,
            "stage": self.identity.stage,
            "recipe": self.identity.recipe,
            "inputs": {
                name: {"key": planned.key, "recipe_key": planned.identity.recipe_key}
                for name, planned in self.inputs.items()
            },
            "code": self.code,
        }


def _once(
    method: Callable[Concatenate["Plan", P], Planned],
) -> Callable[Concatenate["Plan", P], Planned]:
    """Plan each artefact once; many jobs ask for the same one."""
    signature = inspect.signature(method)

    @functools.wraps(method)
    def planned(self: "Plan", *args: P.args, **kwargs: P.kwargs) -> Planned:
        asked = (method.__name__, *signature.bind(self, *args, **kwargs).args[1:])
        if asked not in self._planned:
            self._planned[asked] = method(self, *args, **kwargs)
        return self._planned[asked]

    return cast(Callable[Concatenate["Plan", P], Planned], planned)


class Plan:
    """Every artefact, figure and table that the studies can ask for."""

    def __init__(self, loaded: Loaded, store: Store) -> None:
        self.config, self.recipes, self.store = loaded.config, loaded.recipes, store
        self._planned: dict[tuple[object, ...], Planned] = {}

    # Artefacts of the store, in the order in which they are made.

    @_once
    def ingested(self, what: str, dataset: str) -> Planned:
        """Images or labels of a data set, by name."""
        recipe = self.recipes.get("datasets", dataset)
        return self._plan(
            f"results/data/{dataset}/{what}.json",
            what,
            recipe.model_dump(),
            {},
            "coldstart.data.stage",
            f"coldstart.data.{recipe.source}",
        )

    def images(self, dataset: str) -> Planned:
        """Every image of a data set, and which of the publisher's parts it is from."""
        return self.ingested("images", dataset)

    def labels(self, dataset: str) -> Planned:
        """Their labels, apart, so that only the oracle and the evaluation need ever read them."""
        return self.ingested("labels", dataset)

    @_once
    def index(self, pool: str) -> Planned:
        """Which images of the data set play which part in the pool."""
        recipe = self.recipes.get("pools", pool)
        inputs = {
            "images": self.images(recipe.dataset),
            "labels": self.labels(recipe.dataset),
        }
        return self._plan(
            f"results/data/pools/{pool}.json",
            "pool",
            recipe.model_dump(),
            inputs,
            "coldstart.data.pools",
        )

    @_once
    def checkpoint(self, pool: str, encoder: str, seed: int) -> Planned:
        """An encoder trained on the unlabeled images of a pool."""
        recipe = self.recipes.get("encoders", encoder)
        return self._plan(
            f"results/ssl/{pool}/{encoder}/seed{seed}.json",
            "pretrain",
            {"encoder": recipe.model_dump(), "seed": seed},
            self._images_of(pool),
            "coldstart.ssl.stage",
            f"coldstart.ssl.{recipe.method}",
        )

    @_once
    def embeddings(self, pool: str, encoder: str, seed: int, embedding: str) -> Planned:
        """The embeddings of a pool's candidates and test images."""
        recipe = self.recipes.get("embeddings", embedding)
        method = self.recipes.get("encoders", encoder).method
        return self._plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.json",
            "embed",
            recipe.model_dump(),
            self._images_of(pool) | {"checkpoint": self.checkpoint(pool, encoder, seed)},
            "coldstart.embeddings.embed",
            f"coldstart.ssl.{method}",
        )

    @_once
    def scores(self, pool: str, encoder: str, seed: int, score: str) -> Planned:
        """A model's scores of a pool's candidates."""
        recipe = self.recipes.get("scores", score)
        method = self.recipes.get("encoders", encoder).method
        return self._plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.json",
            "score",
            {**recipe.model_dump(), "seed": seed},
            self._images_of(pool) | {"checkpoint": self.checkpoint(pool, encoder, seed)},
            "coldstart.embeddings.score",
            f"coldstart.ssl.{method}",
        )

    @_once
    def selection(self, study: str, run: str, seed: int, sampler: str) -> Planned:
        """One sampler's picks for every budget and sampler seed of a run."""
        setup = self.run(study, run)
        recipe = self.recipes.get("samplers", sampler)
        inputs = {"index": self.index(setup.pool)}
        where = (setup.pool, setup.encoder, seed)
        if "embeddings" in recipe.reads:
            inputs["embeddings"] = self.embeddings(*where, setup.embedding)
        if "scores" in recipe.reads:
            inputs["scores"] = self.scores(*where, recipe.score)
        return self._plan(
            f"results/selection/{study}/{run}/seed{seed}/{sampler}.json",
            "select",
            {
                "sampler": recipe.model_dump(),
                "budgets": setup.budgets,
                "seeds": setup.sampler_seeds if recipe.stochastic else 1,
                "encoder_seed": seed,
            },
            inputs,
            "coldstart.selection.stage",
            type(recipe).__module__,
        )

    @_once
    def evaluation(self, study: str, run: str, seed: int) -> Planned:
        """The metrics of every sampler, budget and sampler seed of a run."""
        setup = self.run(study, run)
        pool = self.recipes.get("pools", setup.pool)
        inputs = {
            "index": self.index(setup.pool),
            "labels": self.labels(pool.dataset),
            "embeddings": self.embeddings(setup.pool, setup.encoder, seed, setup.embedding),
        }
        for sampler in setup.samplers:
            inputs[f"selection.{sampler}"] = self.selection(study, run, seed, sampler)
        recipe = self.recipes.get("learners", setup.learner)
        return self._plan(
            f"results/evaluation/{study}/{run}/seed{seed}.json",
            "evaluate",
            recipe.model_dump(),
            inputs,
            "coldstart.evaluation.stage",
        )

    # Figures and tables: files of this clone, not of the store.

    def target(self, study: str, folder: str, name: str) -> Target:
        """The figure or table of a study: ``folder`` is ``figures`` or ``tables``."""
        targets: dict[str, Target] = getattr(self.recipes.get("studies", study), folder)
        if name not in targets:
            raise ColdstartError(f"study `{study}` has no {folder[:-1]} `{name}`")
        return targets[name]

    def shown(self, study: str, folder: str, name: str) -> dict[str, Planned]:
        """What a figure or table reads, by ``<what>/<run>/<encoder seed>[/<sampler>]``."""
        target = self.target(study, folder, name)
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        found: dict[str, Planned] = {}
        for run_name in target.runs or runs:
            run = runs[run_name]
            dataset = self.recipes.get("pools", run.pool).dataset
            for seed in run.encoder_seeds:
                where = f"{run_name}/{seed}"
                if "metrics" in target.reads:
                    found[f"metrics/{where}"] = self.evaluation(study, run_name, seed)
                if "selections" in target.reads:
                    for sampler in run.samplers:
                        chosen = self.selection(study, run_name, seed, sampler)
                        found[f"selections/{where}/{sampler}"] = chosen
                if "embeddings" in target.reads:
                    found[f"embeddings/{where}"] = self.embeddings(
                        run.pool, run.encoder, seed, run.embedding
                    )
            if "images" in target.reads:
                found[f"images/{run_name}"] = self.images(dataset)
            if "labels" in target.reads:
                found[f"labels/{run_name}"] = self.labels(dataset)
        return found

    def target_params(self, study: str, folder: str, name: str) -> dict[str, Any]:
        """What the job that draws a figure or table is told."""
        target = self.target(study, folder, name)
        module = "coldstart.figures." + target.kind.replace("-", "_")
        return {
            "target": target.model_dump(),
            "keys": {key: planned.key for key, planned in self.shown(study, folder, name).items()},
            "runs": self._described_runs(study, target),
            "published": self._published(target),
            # The text, not the syntax tree: whoever edits a figure wants it drawn again.
            "code": source_digest(module, *FIGURE_MODULES),
        }

    def target_inputs(self, study: str, folder: str, name: str) -> list[str]:
        """The pointers that it waits for, and the paper's table that it shows."""
        tables = self._published(self.target(study, folder, name))
        return self.need(self.shown(study, folder, name).values()) + tables

    def targets(self, folder: str, studies: Sequence[str]) -> list[str]:
        """The files of all figures or tables of these studies."""
        formats = FIGURE_FORMATS if folder == "figures" else ("csv",)
        return [
            f"results/{folder}/{study}/{name}.{suffix}"
            for study in studies
            for name in getattr(self.recipes.get("studies", study), folder)
            for suffix in formats
        ]

    def all_embeddings(self, studies: Sequence[str]) -> list[Planned]:
        """The embeddings that these studies read."""
        return [
            self.embeddings(run.pool, run.encoder, seed, run.embedding)
            for study in studies
            for run in self.recipes.get("studies", study).runs.values()
            for seed in run.encoder_seeds
        ]

    def shape(self, pool: str) -> list[int]:
        """Height, width and channels of a pool's images."""
        dataset = self.recipes.get("datasets", self.recipes.get("pools", pool).dataset)
        shape: list[int] = dataset.shape
        return shape

    def run(self, study: str, run: str) -> Run:
        """A run of a study."""
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        if run not in runs:
            raise ColdstartError(f"study `{study}` has no run `{run}`")
        return runs[run]

    # What Snakemake is told.

    def need(self, artefacts: Iterable[Planned]) -> list[str]:
        """The pointers that a job waits for: none for what the store has already.

        An artefact that was made in this clone keeps its pointer among the inputs, because a job
        whose inputs change from one run to the next would be run again.
        """
        return [
            planned.pointer
            for planned in artefacts
            if _pointed(Path(planned.pointer)) == planned.key or not self.store.has(planned.key)
        ]

    # Inside.

    def _images_of(self, pool: str) -> dict[str, Planned]:
        dataset = self.recipes.get("pools", pool).dataset
        return {"images": self.images(dataset), "index": self.index(pool)}

    def _published(self, target: Target) -> list[str]:
        """The paper's table that a figure or table shows, as a file of this clone."""
        published = getattr(target, "published", None)
        return [f"workflow/papers/{published}.csv"] if published else []

    def _described_runs(self, study: str, target: Target) -> dict[str, dict[str, Any]]:
        """What a figure says about the runs that it shows."""
        described = {}
        for name in target.runs or self.recipes.get("studies", study).runs:
            run = self.run(study, name)
            dataset = self.recipes.get("datasets", self.recipes.get("pools", run.pool).dataset)
            described[name] = {
                "pool": run.pool,
                "encoder": run.encoder,
                "samplers": run.samplers,
                "classes": dataset.classes,
            }
        return described

    def _plan(
        self,
        pointer: str,
        stage: str,
        recipe: Mapping[str, Any],
        inputs: Mapping[str, Planned],
        *modules: str,
    ) -> Planned:
        identity = Identity(
            stage=stage,
            recipe=recipe,
            inputs={
                name: Reference(planned.key, planned.identity.recipe_key)
                for name, planned in inputs.items()
            },
            code=fingerprint(*modules),
        )
        key = self._usable(identity, pointer)
        code = identity.code if key == identity.key else self.store.manifest(key)["code"]
        return Planned(identity, key, code, pointer, inputs)

    def _usable(self, identity: Identity, pointer: str) -> str:
        """The identity's key, or that of the accepted artefact of other code."""
        if not self.config.accept_other_code or self.store.has(identity.key):
            return identity.key
        others = self.store.others(identity.recipe_key)
        if not others:
            return identity.key
        log.warning(
            "%s: using %s, which other code made from the same recipe", pointer, others[0][:12]
        )
        return others[0]


def _pointed(pointer: Path) -> str | None:
    """The key in a pointer file, or None where there is no such file."""
    try:
        return str(json.loads(pointer.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
