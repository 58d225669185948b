"""Recipe of a variational autoencoder."""

from typing import ClassVar, Literal

from coldstart.config.recipes.backbones.convs import Convs
from coldstart.config.recipes.encoders import OneView, Trained
from coldstart.config.recipes.model import NonNegative


class Vae(Trained):
    """A variational autoencoder (Kingma and Welling 2014)."""

    forwards: ClassVar[int] = 8
    """The decoder has the encoder's convolutions at four times the positions, and one more."""

    method: Literal["vae"]
    backbone: Convs
    views: OneView
    kl_weight: NonNegative
    """Weight of an image's divergence from the prior beside its mean squared error."""
