"""Recipes of encoders: what turns an image into an embedding, and how it is trained."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.backbones import BACKBONES, Network
from coldstart.config.recipes.model import Count, Epochs, Model, Probability
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.config.recipes.registry import Registry


class Head(Model):
    """A perceptron on a backbone: linear layers, with BatchNorm and an activation between them."""

    widths: Annotated[list[Count], Field(min_length=1)]
    """Outputs of each layer."""
    batchnorm: bool = True
    """Normalise hidden layers before their activation."""
    activation: Literal["relu", "gelu"] = "relu"
    activate_last: bool = False
    """Normalise and activate the last layer too."""


class Training(Model, ABC):
    """Settings of every network that is trained step by step."""

    backbone: Annotated[Network, BACKBONES]
    views: Annotated[list[Augmentation], Field(min_length=1)]
    """The augmentation of each view of an image: one view for each."""
    optimizer: Optimizer
    epochs: Epochs
    batch_size: Annotated[int, Field(ge=2)]
    """Images of which a loss is computed at once, on however many GPUs."""
    accumulate: Count = 1
    """Batches whose gradients are averaged for one step of the optimiser."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto`` takes bf16 where the hardware computes it natively, and fp32 elsewhere."""
    compile: bool = False
    """Compile the encoder with torch. This is for GPUs: with two CPU cores a small ResNet took
    half a minute to compile and was then 1.1 times as fast."""
    snapshots: Annotated[int, Field(ge=0)] = 0
    """Number of encoders kept beside the last one, evenly spaced over the epochs."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.backbone.dim

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the optimisers by name; models with several say what each moves, and when."""
        return {"optimizer": self.optimizer}

    def steps(self, images: int) -> tuple[int, int, int]:
        """Images of a batch, batches of a step, and steps of an epoch of so many images.

        The recipe's numbers are cut to what the images allow; the last, smaller step is left out.
        """
        batch = min(self.batch_size, images)
        parts = min(self.accumulate, images // batch)
        return batch, parts, images // (batch * parts)

    def macs(self, height: int, width: int, channels: int) -> float:
        """Multiply-adds that embed one image, about."""
        return self.backbone.macs(height, width, channels)

    def activations(self, height: int, width: int, channels: int) -> float:
        """Numbers that the layers put out while they embed one image, about."""
        return self.backbone.activations(height, width, channels)

    @property
    @abstractmethod
    def called(self) -> str:
        """Name of the training in messages."""


class Encoder(Model, ABC):
    """An encoder of one method. The method's module in ``coldstart.ssl.methods`` makes it."""

    scored: ClassVar[bool] = False
    """True if the model gives each image a loss and a gradient."""

    method: str
    """The method's name: a ``Literal`` in each sub-class."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Size of an embedding."""

    @abstractmethod
    def macs(self, height: int, width: int, channels: int) -> float:
        """Multiply-adds that embed one image, about."""

    @abstractmethod
    def activations(self, height: int, width: int, channels: int) -> float:
        """Numbers that are put out while one image is embedded, about."""


class Trained(Training, Encoder):
    """An encoder that is trained step by step on unlabelled images."""

    scored: ClassVar[bool] = True
    forwards: ClassVar[int] = 1
    """Passes through the trained network that each view costs."""
    square: ClassVar[bool] = False
    """True if the views must be square."""
    alone: ClassVar[bool] = False
    """True if each view passes the network alone. All other methods pass the first two as one
    batch, so that these have one size."""

    start: str | None = None
    """The recipe of an encoder of the same pool, with the same backbone, whose weights the training
    starts from; fresh ones unless given."""
    least_steps: Annotated[int, Field(ge=0, exclude=True)] = 0
    """Steps of the optimiser at least: where a pool has so few images that its epochs have fewer,
    there are more epochs. Those are what artefacts are named by, and not this."""

    @property
    def called(self) -> str:
        """Name of the training in messages."""
        return self.method

    def settled(self, images: int) -> Self:
        """The recipe for a pool with so many unlabeled images."""
        epochs = math.ceil(self.least_steps / self.steps(images)[2])
        return self.model_copy(update={"epochs": max(self.epochs, epochs)})


TwoViews = Annotated[list[Augmentation], Field(min_length=2, max_length=2)]


class Following(Trained):
    """A method with a target network that follows the trained one as a moving average."""

    target_decay: Probability
    """Share of the old target network that each step keeps: BYOL's tau, the others' momentum."""
    target_schedule: Literal["constant", "cosine"] = "constant"
    """``cosine`` lets the decay rise to one, along half a cosine over the whole training."""


class Predicting(Following):
    """A method that predicts one network's projections from the other's."""

    projector: Head
    predictor: Head

    @model_validator(mode="after")
    def _widths(self) -> Self:
        predicted, projected = self.predictor.widths[-1], self.projector.widths[-1]
        if predicted != projected:
            raise ValueError(
                f"the predictor's last width, {predicted}, must be the projector's, {projected}: "
                "it predicts projections"
            )
        return self


OneView = Annotated[list[Augmentation], Field(min_length=1, max_length=1)]


class Clustering(Trained):
    """Training that starts from an encoder of the same pool and seed and clusters the images.

    It has one head. (Van Gansbeke et al. train several on ImageNet and keep the best.)
    """

    start: str
    """The recipe of the encoder that it goes on from, which has the same backbone."""
    clusters: Annotated[int, Field(ge=2)]
    views: TwoViews


class Transferred(Model):
    """An encoder that was trained on another pool, as it is."""

    method: Literal["transferred"]
    pool: str
    """The pool that it was trained on."""
    encoder: str
    """Its recipe."""


EncoderRecipe = Encoder | Transferred
"""An encoder as a file names it; a transferred one stands for the encoder that it names."""

ENCODERS: Registry[Encoder] = Registry(
    Encoder, "method", "coldstart.config.recipes.encoders", "coldstart.ssl.methods"
)
