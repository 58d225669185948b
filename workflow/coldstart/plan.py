"""What is made from what: the identity of every artefact, before any of it is made.

The plan knows the way of the data and nothing of Snakemake; the rules ask it for a job's parameters
and for the pointers that the job waits for. All of it is cheap and imports no torch: a Snakefile is
parsed anew in every cluster job.
"""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from coldstart.config.load import Loaded
from coldstart.config.pools import mixture as mixture_of
from coldstart.config.pools import part_size
from coldstart.config.studies import Run
from coldstart.config.targets import DataSheet, Target
from coldstart.data.source import module_name
from coldstart.errors import ColdstartError
from coldstart.fingerprint import fingerprint, source_digest
from coldstart.planned import Facts, Planned, once
from coldstart.store import Identity, Reference, Store

log = logging.getLogger("coldstart")

FIGURE_FORMATS = ("svg", "pdf", "png", "csv")
"""What each figure is written as; the CSV holds its numbers."""

POOLS = "pools"
"""Stands where a study does in the path of a pool's data sheet."""

FIGURE_MODULES = (
    "coldstart.figures.stage",
    "coldstart.figures.style",
    "coldstart.figures.data",
)
"""What every figure is drawn with."""


class Plan:
    """Every artefact, figure and table that the studies can ask for."""

    def __init__(self, loaded: Loaded, store: Store) -> None:
        self.config, self.recipes, self.store = loaded.config, loaded.recipes, store
        self._planned: dict[tuple[object, ...], Planned] = {}

    # Artefacts of the store, in the order in which they are made.

    @once
    def ingested(self, what: str, dataset: str) -> Planned:
        """Images or labels of a data set, by name."""
        recipe = self.recipes.get("datasets", dataset)
        return self._plan(
            f"results/data/{dataset}/{what}.json",
            what,
            recipe.images_recipe() if what == "images" else recipe.labels_recipe(),
            {},
            "coldstart.data.stage",
            module_name(recipe.source),
        )

    @once
    def mixed(self, what: str, pool: str) -> Planned:
        """Images or labels of a pool with another data set's images among its own."""
        recipe = self.recipes.get("pools", pool)
        mixture = mixture_of(recipe)
        if mixture is None:
            raise ColdstartError(f"pool `{pool}` is not mixed: its images are `{recipe.dataset}`")
        inputs = {"own": self.ingested(what, recipe.dataset)}
        if what == "images":
            inputs["outliers"] = self.ingested("images", mixture.outliers.dataset)
        else:
            inputs["images"] = self.mixed("images", pool)
        return self._plan(
            f"results/data/mixed/{pool}/{what}.json",
            what,
            {"shape": self.facts_of(recipe.dataset).shape, **mixture.outliers.model_dump()},
            inputs,
            "coldstart.data.mixed",
        )

    def images(self, pool: str) -> Planned:
        """Every image that the pool is of, and which part each is from."""
        return self._content("images", pool)

    def labels(self, pool: str) -> Planned:
        """Their labels, apart, so that only the oracle and the evaluation need ever read them."""
        return self._content("labels", pool)

    @once
    def index(self, pool: str) -> Planned:
        """Which of these images play which part in the pool."""
        recipe = self.recipes.get("pools", pool)
        return self._plan(
            f"results/data/pools/{pool}.json",
            "pool",
            recipe.model_dump(),
            {"images": self.images(pool), "labels": self.labels(pool)},
            "coldstart.data.pools",
        )

    @once
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

    @once
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

    @once
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

    @once
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

    @once
    def evaluation(self, study: str, run: str, seed: int) -> Planned:
        """The metrics of every sampler, budget and sampler seed of a run."""
        setup = self.run(study, run)
        inputs = {
            "index": self.index(setup.pool),
            "labels": self.labels(setup.pool),
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
        if (study, folder) == (POOLS, "figures"):
            self.recipes.get("pools", name)
            return DataSheet(kind="data-sheet", title=f"Pool {name}")
        targets: dict[str, Target] = getattr(self.recipes.get("studies", study), folder)
        if name not in targets:
            raise ColdstartError(f"study `{study}` has no {folder[:-1]} `{name}`")
        return targets[name]

    def shown(self, study: str, folder: str, name: str) -> dict[str, Planned]:
        """What a figure or table reads, by ``<what>/<run>/<encoder seed>[/<sampler>]``."""
        target = self.target(study, folder, name)
        if isinstance(target, DataSheet):
            return {
                f"images/{name}": self.images(name),
                f"labels/{name}": self.labels(name),
                f"index/{name}": self.index(name),
            }
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        found: dict[str, Planned] = {}
        for run_name in target.runs or runs:
            run = runs[run_name]
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
                found[f"images/{run_name}"] = self.images(run.pool)
            if "labels" in target.reads:
                found[f"labels/{run_name}"] = self.labels(run.pool)
        return found

    def target_params(self, study: str, folder: str, name: str) -> dict[str, Any]:
        """What the job that draws a figure or table is told."""
        target = self.target(study, folder, name)
        module = "coldstart.figures." + target.kind.replace("-", "_")
        return {
            "target": target.model_dump(),
            "keys": {key: planned.key for key, planned in self.shown(study, folder, name).items()},
            "runs": self._described_pool(name)
            if isinstance(target, DataSheet)
            else self._described_runs(study, target),
            "published": self._published(target),
            # The text, not the syntax tree: whoever edits a figure wants it drawn again.
            "code": source_digest(module, *FIGURE_MODULES),
        }

    def target_inputs(self, study: str, folder: str, name: str) -> list[str]:
        """The pointers that it waits for, and the paper's table that it shows."""
        tables = self._published(self.target(study, folder, name))
        return self.need(self.shown(study, folder, name).values()) + tables

    def targets(self, folder: str, studies: Sequence[str]) -> list[str]:
        """The files of all figures or tables of these studies, their pools' data sheets included."""
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

    def _pools(self, studies: Sequence[str]) -> list[str]:
        runs = (self.recipes.get("studies", study).runs.values() for study in studies)
        return list(dict.fromkeys(run.pool for some in runs for run in some))

    def all_embeddings(self, studies: Sequence[str]) -> list[Planned]:
        """The embeddings that these studies read."""
        return [
            self.embeddings(run.pool, run.encoder, seed, run.embedding)
            for study in studies
            for run in self.recipes.get("studies", study).runs.values()
            for seed in run.encoder_seeds
        ]

    def facts(self, pool: str) -> Facts:
        """What the recipes say of a pool's images; its sizes are upper bounds."""
        recipe = self.recipes.get("pools", pool)
        dataset = self.recipes.get("datasets", recipe.dataset)
        sizes = {name: sum(split.values()) for name, split in recipe.sizes(dataset).items()}
        return Facts(dataset.shape, len(dataset.classes), sizes)

    def facts_of(self, dataset: str) -> Facts:
        """What the recipe says of a data set's images."""
        recipe = self.recipes.get("datasets", dataset)
        sizes = {part: part_size(recipe, part) for part in recipe.parts}
        return Facts(recipe.shape, len(recipe.classes), sizes)

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

    def _content(self, what: str, pool: str) -> Planned:
        recipe = self.recipes.get("pools", pool)
        if mixture_of(recipe) is None:
            return self.ingested(what, recipe.dataset)
        return self.mixed(what, pool)

    def _images_of(self, pool: str) -> dict[str, Planned]:
        return {"images": self.images(pool), "index": self.index(pool)}

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

    def _described_pool(self, pool: str) -> dict[str, dict[str, Any]]:
        """What a data sheet says about a pool, beside what it reads."""
        name = self.recipes.get("pools", pool).dataset
        dataset = self.recipes.get("datasets", name)
        about = {"pool": pool, "dataset": name, "digest": dataset.digest}
        return {pool: {**about, "classes": dataset.classes}}

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
        manifest = self.store.manifest(others[0])
        log.warning(
            "%s: using %s, which %s made from the same recipe with other code: %s, commit %s",
            pointer,
            others[0][:12],
            manifest["made"].get("by", "somebody"),
            manifest["code"][:12],
            manifest["made"].get("commit") or "unknown",
        )
        return others[0]


def _pointed(pointer: Path) -> str | None:
    """The key in a pointer file, or None where there is no such file."""
    try:
        return str(json.loads(pointer.read_text(encoding="utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
