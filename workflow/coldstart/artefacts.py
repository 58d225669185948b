"""The identity of every artefact, before any of it is made.

All of it is cheap and imports no torch: a Snakefile is parsed anew in every cluster job.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coldstart.config.data import Dataset
from coldstart.config.folders import Folder
from coldstart.config.load import Loaded
from coldstart.config.pools import mixture as mixture_of
from coldstart.config.pools import part_size
from coldstart.config.studies import Run
from coldstart.data.source import module_name
from coldstart.data.sources.arrays import scan_arrays
from coldstart.data.sources.scan import Scan, export_places, scan_folder
from coldstart.errors import ColdstartError
from coldstart.fingerprint import fingerprint
from coldstart.planned import Facts, Planned, once
from coldstart.store import Identity, Reference, Store

log = logging.getLogger("coldstart")

DIGESTS = Path("results/.cache")
"""Where the digests of a user's own files are kept, so that a second look at them is quick."""


class Artefacts:
    """Every artefact that the studies can ask for: what it is, and what it is made from."""

    def __init__(self, loaded: Loaded, store: Store) -> None:
        self.config, self.recipes, self.store = loaded.config, loaded.recipes, store
        self._planned: dict[tuple[object, ...], Planned] = {}
        self._scans: dict[str, Scan] = {}

    def dataset(self, name: str) -> Dataset | Scan:
        """What is known of a data set: from its recipe, or from a look at a user's own files."""
        recipe = self.recipes.get("datasets", name)
        if isinstance(recipe, Dataset):
            return recipe
        if name not in self._scans:
            scan = scan_folder if isinstance(recipe, Folder) else scan_arrays
            self._scans[name] = scan(recipe, Path(self.config.data_dir), DIGESTS)
            export_places(self._scans[name])
        return self._scans[name]

    # Artefacts of the store, in the order in which they are made.

    @once
    def ingested(self, what: str, dataset: str) -> Planned:
        """Images or labels of a data set, by name."""
        recipe = self.dataset(dataset)
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
        for path, message in recipe.problems(self.dataset(recipe.dataset)).items():
            raise ColdstartError(f"pools.{pool}.{path}: {message}")
        inputs = {"images": self.images(pool)}
        if self.dataset(recipe.dataset).classes:
            inputs["labels"] = self.labels(pool)
        return self._plan(
            f"results/data/pools/{pool}.json",
            "pool",
            recipe.model_dump(),
            inputs,
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

    def facts(self, pool: str) -> Facts:
        """What the recipes say of a pool's images; its sizes are upper bounds."""
        recipe = self.recipes.get("pools", pool)
        dataset = self.dataset(recipe.dataset)
        sizes = {name: sum(split.values()) for name, split in recipe.sizes(dataset).items()}
        return Facts(dataset.shape, len(dataset.classes), sizes)

    def facts_of(self, dataset: str) -> Facts:
        """What the recipe says of a data set's images."""
        recipe = self.dataset(dataset)
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
