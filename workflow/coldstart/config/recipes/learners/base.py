"""The base of all learners' recipes: what is trained on the labels bought so far."""

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, Self

from coldstart.config.recipes.encoders import Head, OneView, Training
from coldstart.config.recipes.model import Model, Probability
from coldstart.config.recipes.registry import Registry


class Learner(Model, ABC):
    """A learner, by what it is trained on and what its models say of an image."""

    learner: str
    """The learner's name: a ``Literal`` in each sub-class."""

    gives: ClassVar[frozenset[str]]
    """Tables that its models give: ``embeddings``, ``predictions``, ``votes`` or ``scores``."""
    learns_from: ClassVar[Literal["images", "embeddings"]]
    """Input of its models: images, or the embeddings of the run's encoder."""

    def streams(self) -> Mapping[str, Training]:
        """Return the training whose views and batches each stream has; none if nothing is trained.

        The first stream, ``labelled`` or ``unlabelled``, counts the epochs; others run beside it.
        """
        return {}


LEARNERS: Registry[Learner] = Registry(
    Learner, "learner", "coldstart.config.recipes.learners", "coldstart.learners"
)


def learning_module(recipe: Learner) -> str:
    """Name the module whose function ``learn`` trains a model of a learner."""
    networks = recipe.learns_from == "images"
    return "coldstart.learners.training" if networks else LEARNERS.module(recipe)


def asking_module(recipe: Learner) -> str:
    """Name the module whose class ``Answers`` asks the models of a learner."""
    networks = recipe.learns_from == "images"
    return "coldstart.learners.networks" if networks else LEARNERS.module(recipe)


class Network(Training, Learner):
    """A learner that is trained step by step on images."""

    gives: ClassVar[frozenset[str]] = frozenset({"embeddings", "predictions", "votes"})
    learns_from: ClassVar[Literal["images", "embeddings"]] = "images"

    views: OneView
    """The view of a labelled image."""
    dropout: Probability = 0.0
    """Share of an embedding's numbers that training drops before the layers that follow."""
    projection: Head | None = None
    """Layers between the backbone and the linear layer. What they give is what samplers see as the
    learner's embeddings."""
    start: Literal["none", "encoder", "cycle"] = "none"
    """Weights that a training starts from: fresh ones; those of the run's encoder, which has the
    same backbone; or all of the model of the cycle before (in the first cycle fresh ones)."""

    @property
    def before(self) -> Sequence[str]:
        """Names of the training's inputs that are the model of the cycle before; none at first."""
        return ["start"] if self.start == "cycle" else []

    @property
    def forwards(self) -> float:
        """Passes through the backbone that an image of the counted stream costs, with all else."""
        return 1.0

    @property
    def called(self) -> str:
        """Name of the training in messages."""
        return self.learner

    def streams(self) -> Mapping[str, Training]:
        """Return the one stream of a learner that sees labelled images alone."""
        return {"labelled": self}

    def images(self, labelled: int, unlabelled: int) -> int:
        """Return the number of images of the stream that counts the epochs.

        Args:
            labelled: images with a label.
            unlabelled: images of the pool.
        """
        return labelled if next(iter(self.streams())) == "labelled" else unlabelled

    def settled(self, images: int) -> Self:
        """Return the recipe with its epochs, for so many images of the stream that counts them."""
        return self
