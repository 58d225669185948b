"""The recipe of VAAL: an autoencoder, and a discriminator of labelled images and others."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from coldstart.config.recipes.backbones.dcgan import Dcgan
from coldstart.config.recipes.encoders import Training
from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.model import Count, NonNegative
from coldstart.config.recipes.optimizers import Optimizer


class Vaal(Network):
    """Variational adversarial active learning (Sinha et al. 2019)."""

    gives: ClassVar[frozenset[str]] = frozenset({"scores"})

    learner: Literal["vaal"]
    backbone: Dcgan
    """The encoder; the decoder mirrors it."""
    discriminator: Optimizer
    """The discriminator's optimiser; ``optimizer`` is the autoencoder's."""
    hidden: Annotated[list[Count], Field(min_length=1)] = [512, 512]
    """Outputs of the discriminator's layers before its last."""
    total_steps: Count
    """Steps of the training, however many images are labelled: at least so many, and at most one
    for each pass through the images without a label more."""
    epochs: Literal[1] = 1
    """Follows from ``total_steps``."""
    dropout: Annotated[float, Field(ge=0, le=0)] = 0.0
    """None: there is no layer that predicts classes."""
    projection: None = None
    """None, likewise."""
    start: Literal["none", "cycle"] = "none"
    """Weights that a training starts from: fresh ones, or those of the cycle before."""
    vae_steps: Count = 2
    """Moves of the autoencoder in a step, each with new images."""
    discriminator_steps: Count = 1
    """Moves of the discriminator in a step: the first sees the autoencoder's last images."""
    kl_weight: NonNegative = 1.0
    """Weight of the divergence from the prior, beta."""
    kl_scale: Literal["per-image", "as-published"] = "per-image"
    """``per-image``: the mean over the images, divided by the numbers of an image (3,072 at 32x32
    in colour), as the squared error is: an image's evidence bound. ``as-published``: the sum over
    the images of a batch, beside which the squared error is as good as nothing."""
    batches: Literal["together", "apart"] = "together"
    """``together``: labelled images and others are one batch to BatchNorm, as they are in
    evaluation mode. ``apart``: two, as published."""
    adversary_weight: NonNegative = 1.0
    """Weight of the discriminator's error in the autoencoder's loss, lambda."""

    @property
    def forwards(self) -> float:
        """Passes through the encoder that an image of a batch costs; a decoder costs four."""
        return 2 * (5 * self.vae_steps + self.discriminator_steps / 3)

    def streams(self) -> Mapping[str, Training]:
        """Return both streams; that of the images without a label counts the epochs."""
        return {"unlabelled": self, "labelled": self}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the autoencoder's, and the discriminator's."""
        return {"optimizer": self.optimizer, "discriminator": self.discriminator}

    def steps(self, images: int) -> tuple[int, int, int]:
        """Images of a batch, batches of a step, and steps of an epoch: all epochs have as many."""
        batch, parts, most = super().steps(images)
        return batch, parts, math.ceil(self.total_steps / math.ceil(self.total_steps / most))

    def settled(self, images: int) -> Self:
        """The recipe for so many images without a label: with as many epochs as they need."""
        most = super().steps(images)[2]
        return self.model_copy(update={"epochs": math.ceil(self.total_steps / most)})
