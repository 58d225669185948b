"""The artefacts of encoders: weights, embeddings, scores, and how good they are."""

from pathlib import Path

from coldstart.config.checks.fits import misfit, misfit_elsewhere, misstart
from coldstart.config.recipes.encoders import (
    Clustering,
    Encoder,
    Trained,
    Transferred,
)
from coldstart.config.recipes.encoders.existing import Existing
from coldstart.errors import ColdstartError, nearest
from coldstart.planning.artefact import Planned, once
from coldstart.planning.data import DIGESTS, Data
from coldstart.planning.fingerprint import modules_of
from coldstart.planning.maker import Maker
from coldstart.ssl.weights import digest_weights

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
        described, inputs = recipe.model_dump(), self.data.of_pool(pool)
        if isinstance(recipe, Existing):
            described["weights"] = digest_weights(recipe, Path(self.config.data_dir), DIGESTS)
        if isinstance(recipe, Clustering):
            self._check_start(encoder, recipe)
            inputs["start"] = self.checkpoint(pool, recipe.encoder, seed)
        return self.maker.plan(
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
        return self.maker.plan(
            f"results/embeddings/{pool}/{encoder}/seed{seed}/{embedding}.json",
            "embed",
            recipe.model_dump(),
            self.data.of_pool(pool) | {"checkpoint": self.checkpoint(pool, encoder, seed)},
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

    def _check_start(self, encoder: str, recipe: Clustering) -> None:
        path, start = f"encoders.{encoder}.encoder", recipe.encoder
        if not self.recipes.known("encoders", start):
            hint = nearest(start, self.recipes.names("encoders"))
            raise ColdstartError(f"{path}: no recipe `{start}` in encoders.yaml{hint}")
        problem = misstart(recipe, self.recipes.get("encoders", start))
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
