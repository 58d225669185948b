"""The classifier of images that have a label before any sampler picks, and what it predicts."""

from typing import Any

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.learners.base import Learner, asking_module, learning_module
from coldstart.config.recipes.predictions import Prediction
from coldstart.config.recipes.runs import Run
from coldstart.planning.artefact import Planned, once
from coldstart.planning.data import Data
from coldstart.planning.encoders import Encoders
from coldstart.planning.maker import Maker
from coldstart.selection.base import KNOWN

CLASSES = 2
"""The fewest that a classifier tells apart."""


class Given:
    """Classifiers of runs with ``labelled``, whose samplers may ask them."""

    def __init__(self, maker: Maker, data: Data, encoders: Encoders) -> None:
        self.data, self.encoders, self.maker = data, encoders, maker
        self.recipes, self.planned = maker.recipes, maker.planned

    def made(self, study: str, run: str, seed: int) -> list[Planned]:
        """Everything that the job makes, in order."""
        return [self.model(study, run, seed), self.predictions(study, run, seed)]

    def table(self, name: str, study: str, run: str, seed: int) -> Planned:
        """A table that a sampler reads of the classifier: its predictions, or what it learnt."""
        return (self.model if name == KNOWN else self.predictions)(study, run, seed)

    @once
    def model(self, study: str, run: str, seed: int) -> Planned:
        """A classifier of all images that have a label.

        Raises:
            ColdstartError: their labels do not name two classes.
        """
        setup = self._run(study, run)
        recipe: Learner = self.recipes.get("learners", setup.learner)
        described = self._described(setup, seed)
        if described["classes"] < CLASSES:
            raise ColdstartError(
                f"studies.{study}.runs.{run}.labelled: a classifier tells two classes or more "
                f"apart, and the labels name {described['classes']}. Label images of another class "
                "too, or take a sampler that asks no classifier"
            )
        return self.maker.plan(
            self._pointer(study, run, seed, "model"),
            "learn",
            {**described, "trial": 0, "member": 0},
            self._labelled(study, run, seed),
            "coldstart.learners.learn",
            learning_module(recipe),
            model=recipe,
            output=self._pointer(study, run, seed, "model"),
        )

    @once
    def predictions(self, study: str, run: str, seed: int) -> Planned:
        """The probability of each class for each candidate."""
        setup = self._run(study, run)
        recipe: Learner = self.recipes.get("learners", setup.learner)
        how: Prediction = self.recipes.get("predictions", setup.prediction)
        return self.maker.plan(
            self._pointer(study, run, seed, "predictions"),
            "predict",
            {
                "prediction": how.model_dump(),
                "outputs": {"predictions": ["candidates"]},
                "encoder_seed": seed,
                "trial": 0,
            },
            self._learnt_from(setup, seed) | {"model.0": self.model(study, run, seed)},
            "coldstart.learners.predict",
            asking_module(recipe),
            model=recipe,
            output=self._pointer(study, run, seed, "model"),
        )

    @once
    def growth(self, study: str, run: str, seed: int) -> Planned:
        """The growth of the classifier's accuracy with its labels, by cross-validation."""
        setup = self._run(study, run)
        return self.maker.plan(
            self._pointer(study, run, seed, "growth"),
            "growth",
            self._described(setup, seed),
            self._labelled(study, run, seed),
            "coldstart.learners.growth",
            model=self.recipes.get("learners", setup.learner),
        )

    def _run(self, study: str, run: str) -> Run:
        runs: dict[str, Run] = self.recipes.get("studies", study).runs
        return runs[run]

    def _described(self, setup: Run, seed: int) -> dict[str, Any]:
        """The part of a recipe that names the learner and counts its labels."""
        assert setup.labelled is not None  # checked while the settings are read
        learner: Learner = self.recipes.get("learners", setup.learner)
        return {
            "learner": learner.model_dump(),
            "classes": len(self.data.dataset(setup.labelled).classes),
            "encoder_seed": seed,
            "budget": sum(self.data.facts_of(setup.labelled).sizes.values()),
        }

    def _labelled(self, study: str, run: str, seed: int) -> dict[str, Planned]:
        """The embeddings, and the labels that are given."""
        setup = self._run(study, run)
        assert setup.labelled is not None
        where = f"studies.{study}.runs.{run}.labelled"
        labelled = self.data.labelled(setup.labelled, setup.pool, where)
        return self._learnt_from(setup, seed) | {"labelled": labelled}

    def _pointer(self, study: str, run: str, seed: int, name: str) -> str:
        return f"results/given/{study}/{run}/seed{seed}/{name}.json"

    def _learnt_from(self, setup: Run, seed: int) -> dict[str, Planned]:
        where = (setup.pool, setup.read_encoder, seed)
        return {
            "index": self.data.index(setup.pool),
            "embeddings": self.encoders.embeddings(*where, setup.embedding),
        }
