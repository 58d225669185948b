"""Recipe of VGG."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count


class Vgg(Network):
    """Plain 3x3 convolutions with BatchNorm, and max-pool between stages (Simonyan et al. 2015).

    Without the hidden layers before the classifier: the embedding is the last stage's mean, as is
    usual for CIFAR.
    """

    family: Literal["vgg"]
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels of each stage; the last is the embedding's size. Each stage ends by halving."""
    convolutions: Annotated[list[Count], Field(min_length=1)]
    """Convolutions in each stage."""

    @model_validator(mode="after")
    def _consistent(self) -> "Vgg":
        if len(self.convolutions) != len(self.widths):
            raise ValueError(
                f"has {len(self.widths)} widths and {len(self.convolutions)} convolutions; "
                "a stage has one of each"
            )
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.widths[-1]

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have: each stage halves and rounds down."""
        return 1 << len(self.widths)

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        for number, (out, count) in enumerate(zip(self.widths, self.convolutions, strict=True)):
            yield Stage(height * width / 4**number, count * 9 * out**2, count * out)
