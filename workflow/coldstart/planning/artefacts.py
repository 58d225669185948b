"""The identity of every artefact, before any of it is made.

All of it is cheap and imports no torch: a Snakefile is parsed anew in every cluster job.
"""

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from coldstart.config.checks.fits import misfit, misfit_elsewhere, misstart
from coldstart.config.loading.load import Loaded
from coldstart.config.recipes.datasets import Dataset
from coldstart.config.recipes.datasets.folder import Folder
from coldstart.config.recipes.encoders import (
    Clustering,
    Encoder,
    Trained,
    Transferred,
)
from coldstart.config.recipes.encoders.existing import Existing
from coldstart.config.recipes.pools import mixture as mixture_of
from coldstart.config.recipes.pools import part_size, splits_of
from coldstart.data.sources.arrays import scan_arrays
from coldstart.data.sources.scan import Scan, export_places, scan_folder
from coldstart.errors import ColdstartError, nearest
from coldstart.planning.fingerprint import classes_of, fingerprint, modules_of
from coldstart.planning.planned import Facts, Planned, once
from coldstart.ssl.weights import digest_weights
from coldstart.store import Identity, Reference, Store
from coldstart.store.descent import is_of_recipe, manifests_of
from coldstart.store.pointers import pointed_at

log = logging.getLogger("coldstart")

CLUSTERS = "clusters"
"""The recipe of embeddings that gives the probabilities of an encoder's clusters."""

DIGESTS = Path("results/.cache")
"""Where the digests of a user's own files are kept, so that a second look at them is quick."""


FORMER = Path("results/store")
"""The default store: what is lost elsewhere may lie there from before a change of `store`."""


class Artefacts:
    """Every artefact that the studies can ask for: what it is, and what it is made from."""

    def __init__(self, loaded: Loaded, store: Store) -> None:
        self.config, self.recipes, self.store = loaded.config, loaded.recipes, store
        self._planned: dict[tuple[object, ...], Planned] = {}
        self._scans: dict[str, Scan] = {}
        self._manifests = manifests_of(store)
        self._warned = False

    def dataset(self, name: str) -> Dataset | Scan:
        """Describe a data set, from its recipe or from a look at the user's own files."""
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
            "coldstart.data.ingest",
            model=self.recipes.get("datasets", dataset),
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
            "coldstart.data.mix",
            model=recipe,
        )

    def images(self, pool: str) -> Planned:
        """Every image that the pool is of, and which part each is from."""
        return self._content("images", pool)

    def labels(self, pool: str) -> Planned:
        """Their labels, apart, so that only the oracle and the evaluation need ever read them."""
        return self._content("labels", pool)

    @once
    def index(self, pool: str) -> Planned:
        """Plan the index of a pool: the split of each image."""
        recipe = self.recipes.get("pools", pool)
        for path, message in recipe.problems(self.dataset(recipe.dataset)).items():
            raise ColdstartError(f"pools.{pool}.{path}: {message}")
        if self.facts(pool).sizes["unlabeled"] < 2:
            raise ColdstartError(
                f"pool `{pool}` has 1 image; an encoder is trained on two or more."
            )
        inputs = {"images": self.images(pool)}
        if self.dataset(recipe.dataset).classes:
            inputs["labels"] = self.labels(pool)
        return self._plan(
            f"results/data/pools/{pool}.json",
            "pool",
            recipe.model_dump(),
            inputs,
            "coldstart.data.pool",
            model=recipe,
        )

    @once
    def checkpoint(self, pool: str, encoder: str, seed: int) -> Planned:
        """An encoder trained on the unlabeled images of a pool, or of the one its recipe names."""
        recipe = self.recipes.get("encoders", encoder)
        shape = self.facts(pool).shape
        if isinstance(recipe, Transferred):
            source, trained = self.recipes.get("encoders", recipe.encoder), self.facts(recipe.pool)
            _require_fit(pool, encoder, misfit_elsewhere(source, trained.shape, shape))
            return self.checkpoint(recipe.pool, recipe.encoder, seed)
        _require_fit(pool, encoder, misfit(recipe, shape))
        if isinstance(recipe, Trained):
            recipe = recipe.settled(self.facts(pool).sizes["unlabeled"])
        described, inputs = recipe.model_dump(), self._images_of(pool)
        if isinstance(recipe, Existing):
            described["weights"] = digest_weights(recipe, Path(self.config.data_dir), DIGESTS)
        if isinstance(recipe, Clustering):
            self._check_start(encoder, recipe)
            inputs["start"] = self.checkpoint(pool, recipe.encoder, seed)
        return self._plan(
            f"results/ssl/{pool}/{encoder}/seed{seed}.json",
            "pretrain",
            {"encoder": described, "seed": seed},
            inputs,
            "coldstart.ssl.pretrain",
            model=recipe,
        )

    @once
    def embeddings(self, pool: str, encoder: str, seed: int, embedding: str) -> Planned:
        """The embeddings of a pool's candidates and test images."""
        recipe = self.recipes.get("embeddings", embedding)
        if recipe.output == "clusters":
            self._require_clusters(encoder, f"embedding `{embedding}`")
        return self._plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.json",
            "embed",
            recipe.model_dump(),
            self._images_of(pool) | {"checkpoint": self.checkpoint(pool, encoder, seed)},
            "coldstart.embeddings.embed",
            *modules_of(self._trained(encoder)),
            model=recipe,
        )

    def clusters(self, pool: str, encoder: str, seed: int, reader: str) -> Planned:
        """The probabilities of an encoder's clusters, which ``reader`` asks for."""
        self._require_clusters(encoder, reader)
        return self.embeddings(pool, encoder, seed, CLUSTERS)

    @once
    def scores(self, pool: str, encoder: str, seed: int, score: str) -> Planned:
        """A model's scores of a pool's candidates."""
        recipe = self.recipes.get("scores", score)
        return self._plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.json",
            "score",
            {**recipe.model_dump(), "seed": seed},
            self._images_of(pool) | {"checkpoint": self.checkpoint(pool, encoder, seed)},
            "coldstart.embeddings.score",
            *modules_of(self._trained(encoder)),
            model=recipe,
        )

    def judged(self, pool: str) -> bool:
        """Return True if a pool has test images and labels of two classes, which metrics need."""
        recipe = self.recipes.get("pools", pool)
        return "test" in splits_of(recipe) and len(self.dataset(recipe.dataset).classes) > 1

    @once
    def probed(self, pool: str, encoder: str, seed: int, probe: str) -> Planned:
        """Plan the quality of an encoder on a pool, measured with all labels."""
        if not self.judged(pool):
            raise ColdstartError(
                f"probe `{probe}`: pool `{pool}` lacks test images, or labels of two classes"
            )
        return self._plan(
            f"results/evaluation/probes/{pool}/{encoder}/seed{seed}/{probe}.json",
            "probe",
            self.recipes.get("probes", probe).model_dump(),
            self._images_of(pool)
            | {
                "labels": self.labels(pool),
                "checkpoint": self.checkpoint(pool, encoder, seed),
            },
            "coldstart.evaluation.probe",
            *modules_of(self._trained(encoder)),
            model=self.recipes.get("probes", probe),
        )

    def facts(self, pool: str) -> Facts:
        """Return the facts of a pool's images that its recipes hold; sizes are upper bounds."""
        recipe = self.recipes.get("pools", pool)
        dataset = self.dataset(recipe.dataset)
        sizes = {name: sum(split.values()) for name, split in recipe.sizes(dataset).items()}
        return Facts(dataset.shape, len(dataset.classes), sizes)

    def facts_of(self, dataset: str) -> Facts:
        """Return the facts of a data set's images that its recipe holds."""
        recipe = self.dataset(dataset)
        sizes = {part: part_size(recipe, part) for part in recipe.parts}
        return Facts(recipe.shape, len(recipe.classes), sizes)

    # What Snakemake is told.

    def need(self, artefacts: Iterable[Planned]) -> list[str]:
        """The pointers that a job waits for: none for what the store has already.

        An artefact that was made in this clone keeps its pointer among the inputs, because a job
        whose inputs change from one run to the next would be run again.
        """
        needed = []
        for planned in artefacts:
            stored = self.store.has(planned.key)
            pointed = pointed_at(Path(planned.pointer)) == planned.key
            if not stored and not self._warned:
                self._warn_of_another_store(planned, pointed)
            if pointed or not stored:
                needed.append(planned.pointer)
        return needed

    def all_planned(self) -> dict[str, str]:
        """The key of each pointer's path, as far as anything has asked for it."""
        return {planned.pointer: planned.key for planned in self._planned.values()}

    def lost(self, pointers: Iterable[str]) -> str:
        """A message about the first of these pointers whose artefact no store has; or nothing."""
        planned = self.all_planned()
        for pointer in pointers:
            key = planned.get(pointer)
            if key and pointed_at(Path(pointer)) == key and not self.store.has(key):
                return f"{pointer} names an artefact that no store has. {self._recovery(key)}"
        return ""

    def _warn_of_another_store(self, planned: Planned, pointed: bool) -> None:
        """Say once in a run that artefacts lie, or lay, in a store that is not searched."""
        if pointed or self._is_in_former(planned.key):
            self._warned = True
            log.warning(
                "No store has some artefacts that this clone had, such as %s. %s",
                planned.pointer,
                self._recovery(planned.key),
            )

    def _is_in_former(self, key: str) -> bool:
        return self.store.root.resolve() != FORMER.resolve() and Store(FORMER).has(key)

    def _recovery(self, key: str) -> str:
        """Say in sentences how to get an artefact back that no store has."""
        own = self.store.root
        again = "`coldstart store verify --heal` removes such pointers, and it is made again"
        if self._is_in_former(key):
            return (
                f"{FORMER} has it: search both, with `store: [{own}, {FORMER}]` in config.yaml or "
                f"COLDSTART_STORE={own}{os.pathsep}{FORMER}; or copy what is there: "
                f"`coldstart store copy {FORMER} {own}`. Otherwise {again}."
            )
        return (
            "If another store has it, add that to `store` in config.yaml or to COLDSTART_STORE. "
            f"If none has, {again}."
        )

    # Inside.

    def _content(self, what: str, pool: str) -> Planned:
        recipe = self.recipes.get("pools", pool)
        if mixture_of(recipe) is None:
            return self.ingested(what, recipe.dataset)
        return self.mixed(what, pool)

    def _trained(self, encoder: str) -> Encoder:
        """The recipe of an encoder, or of that which it stands for."""
        recipe: Encoder | Transferred = self.recipes.get("encoders", encoder)
        return self._trained(recipe.encoder) if isinstance(recipe, Transferred) else recipe

    def _check_start(self, encoder: str, recipe: Clustering) -> None:
        path, start = f"encoders.{encoder}.encoder", recipe.encoder
        if not self.recipes.known("encoders", start):
            hint = nearest(start, self.recipes.names("encoders"))
            raise ColdstartError(f"{path}: no recipe `{start}` in encoders.yaml{hint}")
        problem = misstart(recipe, self.recipes.get("encoders", start))
        if problem:
            raise ColdstartError(f"{path}: `{encoder}` cannot go on from `{start}`: {problem}.")

    def _require_clusters(self, encoder: str, reader: str) -> None:
        method = self._trained(encoder)
        if not isinstance(method, Clustering):
            raise ColdstartError(
                f"{reader} reads clusters, and encoder `{encoder}` (method {method.method}) has "
                "none: name an encoder of method scan or self-label."
            )

    def _images_of(self, pool: str) -> dict[str, Planned]:
        return {"images": self.images(pool), "index": self.index(pool)}

    def _plan(
        self,
        pointer: str,
        stage: str,
        recipe: Mapping[str, Any],
        inputs: Mapping[str, Planned],
        *modules: str,
        model: Any = None,
    ) -> Planned:
        """Plan an artefact of the store.

        Args:
            pointer: the file that a job writes when it has made it.
            stage: makes it.
            recipe: the resolved recipe.
            inputs: are read.
            modules: the stage's module, and those that it imports by names from other recipes.
            model: the recipe as its class: the modules that it names count, and the methods that
                these call.
        """
        modules = tuple(dict.fromkeys((*modules, *modules_of(model))))
        recipes = classes_of(model)
        identity = Identity(
            stage=stage,
            recipe=recipe,
            inputs={
                name: Reference(planned.key, planned.identity.recipe_key)
                for name, planned in inputs.items()
            },
            code=fingerprint(*modules, recipes=recipes),
        )
        key = self._usable(identity, pointer)
        code = identity.code if key == identity.key else self.store.manifest(key)["code"]
        return Planned(identity, key, code, pointer, inputs, modules, recipes)

    def _usable(self, identity: Identity, pointer: str) -> str:
        """The identity's key, or that of the accepted artefact of other code."""
        if not self.config.accept_other_code or self.store.has(identity.key):
            return identity.key
        for other in self.store.others(identity.recipe_key):
            if is_of_recipe(other, identity, self._manifests):
                break
        else:
            return identity.key
        manifest = self.store.manifest(other)
        log.warning(
            "%s: using %s, which %s made from the same recipe with other code: %s, commit %s",
            pointer,
            other[:12],
            manifest["made"].get("by", "somebody"),
            manifest["code"][:12],
            manifest["made"].get("commit") or "unknown",
        )
        return other


def _require_fit(pool: str, encoder: str, problem: str | None) -> None:
    if problem:
        raise ColdstartError(f"encoder `{encoder}` does not fit pool `{pool}`: {problem}.")
