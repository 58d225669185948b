"""Recipe of residual networks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count

EXPANSION = 4
"""Channels that a bottleneck block puts out, over those of its 3x3 convolution."""


class ResNet(Network):
    """A residual network (He et al. 2016)."""

    family: Literal["resnet"]
    stem: Literal["imagenet", "cifar", "cifar-pool", "half"]
    """``imagenet``: 7x7 stride 2 and max-pool; ``cifar``: 3x3 stride 1; ``cifar-pool``: the same
    and max-pool; ``half``: 3x3 stride 2."""
    block: Literal["basic", "bottleneck"] = "basic"
    """``basic``: two 3x3 convolutions, as in ResNet-18; ``bottleneck``: 1x1, 3x3 and 1x1, as in
    ResNet-50."""
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels that each stage puts out; the last is the embedding's size. Within a bottleneck, and
    in the stem before one, they are a quarter. Stages after the first halve the image."""
    blocks: Annotated[list[Count], Field(min_length=1)]
    """Blocks in each stage."""

    @model_validator(mode="after")
    def _consistent(self) -> "ResNet":
        if len(self.blocks) != len(self.widths):
            raise ValueError(
                f"has {len(self.widths)} widths and {len(self.blocks)} blocks; "
                "a stage has one of each"
            )
        if self.block == "bottleneck" and any(width % EXPANSION for width in self.widths):
            raise ValueError(f"a bottleneck's widths are multiples of {EXPANSION}")
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.widths[-1]

    @property
    def expansion(self) -> int:
        """Channels that a block puts out, over those that it has inside."""
        return EXPANSION if self.block == "bottleneck" else 1

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        shrunk = {"imagenet": 4, "half": 2, "cifar-pool": 2, "cifar": 1}[self.stem]
        weights, outputs = (1.25, 2) if self.block == "bottleneck" else (18, 3)
        for number, (out, blocks) in enumerate(zip(self.widths, self.blocks, strict=True)):
            positions = height * width / (shrunk << number) ** 2
            yield Stage(positions, blocks * weights * out**2, blocks * outputs * out)
