"""The artefacts of encoders: weights, embeddings, scores, and how good they are."""

from typing import Any

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.checks.fits import misfit, misfit_elsewhere, misstart
from coldstart.config.recipes.encoders import (
    ENCODERS,
    Clustering,
    Encoder,
    Trained,
    Transferred,
)
from coldstart.config.recipes.encoders.from_file import FromFile
from coldstart.config.recipes.encoders.given import Given
from coldstart.data.sources.own_file import digest_own_file
from coldstart.data.sources.scan import resolve
from coldstart.planning.artefact import Planned, once
from coldstart.planning.data import DIGESTS, Data
from coldstart.planning.fingerprint import modules_of
from coldstart.planning.maker import Maker
from coldstart.ssl.weights import identify, missing

CLUSTERS = "clusters"
"""The recipe of embeddings that gives the probabilities of an encoder's clusters."""


class Encoders:
    """Encoders of pools, and what they say of images."""

    def __init__(self, maker: Maker, data: Data) -> None:
        self.maker, self.data, self.recipes = maker, data, maker.recipes
        self.config, self.planned = maker.config, maker.planned

    @once
    def checkpoint(self, pool: str, encoder: str, seed: int) -> Planned:
        """An encoder trained on the unlabeled images of a pool, or of the one its recipe names."""
        recipe = self.recipes.get("encoders", encoder)
        if isinstance(recipe, Given):
            raise ColdstartError(
                f"encoder `{encoder}` is a file of embeddings: it has no network that could be "
                "trained on, scored or probed."
            )
        shape = self.data.facts(pool).shape
        if isinstance(recipe, Transferred):
            source, trained = (
                self.recipes.get("encoders", recipe.encoder),
                self.data.facts(recipe.pool),
            )
            _require_fit(pool, encoder, misfit_elsewhere(source, trained.shape, shape))
            return self.checkpoint(recipe.pool, recipe.encoder, seed)
        _require_fit(pool, encoder, misfit(recipe, shape))
        if isinstance(recipe, Trained):
            recipe = recipe.settled(self.data.facts(pool).sizes["unlabeled"])
        if isinstance(recipe, FromFile):
            return self._from_file(pool, encoder, seed, recipe)
        described, inputs = recipe.model_dump(), self.data.of_pool(pool)
        if isinstance(recipe, Trained) and recipe.start is not None:
            self._check_start(pool, encoder, recipe, recipe.start)
            inputs["start"] = self.checkpoint(pool, recipe.start, seed)
        return self.maker.plan(
            f"results/ssl/{pool}/{encoder}/seed{seed}.json",
            "pretrain",
            {"encoder": described, "seed": seed},
            inputs,
            "coldstart.ssl.pretrain",
            model=recipe,
        )

    def _from_file(self, pool: str, encoder: str, seed: int, recipe: FromFile) -> Planned:
        """An encoder from a file: the same for all pools and seeds, since nothing is trained."""
        settings = self.config.of_machine(())
        weights = identify(recipe.weights, settings, DIGESTS)
        if isinstance(recipe.weights, str) and isinstance(weights, str):
            self.maker.places[weights] = [resolve(recipe.weights, settings.data_dir)]
        identified = recipe.model_copy(update={"weights": weights})
        return self.maker.plan(
            f"results/ssl/{pool}/{encoder}/seed{seed}.json",
            "pretrain",
            {"encoder": identified.model_dump(), "seed": 0},
            {},
            "coldstart.ssl.pretrain",
            model=recipe,
        )

    def _identified(self, recipe: Given) -> dict[str, Any]:
        """A recipe of given embeddings with the digest of their file in the place of its path."""
        data_dir = self.config.of_machine(()).data_dir
        digest = digest_own_file(
            recipe.embeddings, data_dir, DIGESTS, "The embeddings", "embeddings"
        )
        self.maker.places[digest] = [resolve(recipe.embeddings, data_dir)]
        return {**recipe.model_dump(), "embeddings": digest}

    def missing_weights(self, planned: Planned) -> str | None:
        """Return a remedy for weights that a planned encoder needs and that are not there."""
        recipe = ENCODERS.adapter().validate_python(planned.identity.recipe["encoder"])
        if not isinstance(recipe, FromFile):
            return None
        return missing(recipe.weights, self.config.of_machine(()))

    @once
    def embeddings(self, pool: str, encoder: str, seed: int, embedding: str) -> Planned:
        """The embeddings of a pool's candidates and test images."""
        recipe = self.recipes.get("embeddings", embedding)
        if recipe.output == "clusters":
            self._require_clusters(encoder, f"embedding `{embedding}`")
        described, inputs = recipe.model_dump(), self.data.of_pool(pool)
        given = self.recipes.get("encoders", encoder)
        if isinstance(given, Given):
            described["encoder"] = self._identified(given)
        else:
            inputs["checkpoint"] = self.checkpoint(pool, encoder, seed)
        return self.maker.plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.json",
            "embed",
            described,
            inputs,
            "coldstart.embeddings.embed",
            *modules_of(self.trained(encoder)),
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
        return self.maker.plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/scores/{score}.json",
            "score",
            {**recipe.model_dump(), "seed": seed},
            self.data.of_pool(pool) | {"checkpoint": self.checkpoint(pool, encoder, seed)},
            "coldstart.embeddings.score",
            *modules_of(self.trained(encoder)),
            model=recipe,
        )

    @once
    def probed(self, pool: str, encoder: str, seed: int, probe: str) -> Planned:
        """Plan the quality of an encoder on a pool, measured with all labels."""
        if not self.data.judged(pool):
            raise ColdstartError(
                f"probe `{probe}`: pool `{pool}` lacks test images, or labels of two classes"
            )
        return self.maker.plan(
            f"results/evaluation/probes/{pool}/{encoder}/seed{seed}/{probe}.json",
            "probe",
            self.recipes.get("probes", probe).model_dump(),
            self.data.of_pool(pool)
            | {
                "labels": self.data.labels(pool),
                "checkpoint": self.checkpoint(pool, encoder, seed),
            },
            "coldstart.evaluation.probe",
            *modules_of(self.trained(encoder)),
            model=self.recipes.get("probes", probe),
        )

    def trained(self, encoder: str) -> Encoder:
        """The recipe of an encoder, or of that which it stands for."""
        recipe: Encoder | Transferred = self.recipes.get("encoders", encoder)
        return self.trained(recipe.encoder) if isinstance(recipe, Transferred) else recipe

    def _check_start(self, pool: str, encoder: str, recipe: Trained, start: str) -> None:
        path = f"encoders.{encoder}.start"
        if not self.recipes.known("encoders", start):
            hint = nearest(start, self.recipes.names("encoders"))
            raise ColdstartError(f"{path}: no recipe `{start}` in encoders.yaml{hint}")
        shape = self.data.facts(pool).shape
        problem = misstart(recipe, self.recipes.get("encoders", start), shape)
        if problem:
            raise ColdstartError(f"{path}: `{encoder}` cannot go on from `{start}`: {problem}.")

    def _require_clusters(self, encoder: str, reader: str) -> None:
        method = self.trained(encoder)
        if not isinstance(method, Clustering):
            raise ColdstartError(
                f"{reader} reads clusters, and encoder `{encoder}` (method {method.method}) has "
                "none: name an encoder of method scan or self-label."
            )


def _require_fit(pool: str, encoder: str, problem: str | None) -> None:
    if problem:
        raise ColdstartError(f"encoder `{encoder}` does not fit pool `{pool}`: {problem}.")
