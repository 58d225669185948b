"""The recipe of a classifier of a code that is drawn, with or without a decoder."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.model import Count, Model, NonNegative


class Decoder(Model):
    """Blocks of a wide residual network that enlarge a code to an image.

    The first has a quarter of the image's height and width; each of the next two doubles them.
    """

    start: Count = 512
    """Channels of what the first block sees."""
    widths: Annotated[list[Count], Field(min_length=3, max_length=3)]
    """Channels of each group of blocks."""
    blocks: Count
    """Blocks of each group."""


class Variational(Network):
    """A code's mean and deviation, and a linear layer on a draw (Mandivarapu et al. 2022).

    Samplers and the evaluation see the mean.
    """

    learner: Literal["variational"]
    latent: Count = 60
    """Size of the code."""
    kl_weight: NonNegative = 0.1
    """Weight of the code's divergence from the unit Gaussian, its mean over images and numbers."""
    decoder: Decoder | None = None
    """Decode the image from the code too (the paper's M2; M1 has no decoder)."""
    dropout: Annotated[float, Field(ge=0, le=0)] = 0.0
    """None: the draw is the noise."""
    projection: None = None
    """None: the code stands in its place."""

    @property
    def forwards(self) -> float:
        """Passes through the backbone that an image costs, with the decoder's work beside it."""
        return 1.0 if self.decoder is None else 4.0
