"""Recipe of EfficientNet-Lite."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count

PER_STAGE = ("widths", "blocks", "kernels", "strides", "expansions")


class EfficientNetLite(Network):
    """EfficientNet (Tan & Le 2019) without squeeze-and-excitation, and with ReLU6 for swish."""

    family: Literal["efficientnet-lite"]
    stem: Count
    """Channels that the stem puts out, a 3x3 convolution with stride 2."""
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels that each stage puts out."""
    blocks: Annotated[list[Count], Field(min_length=1)]
    """Blocks in each stage."""
    kernels: Annotated[list[Literal[3, 5]], Field(min_length=1)]
    """Side of each stage's depthwise convolutions."""
    strides: Annotated[list[Literal[1, 2]], Field(min_length=1)]
    """Stride of each stage's first block."""
    expansions: Annotated[list[Count], Field(min_length=1)]
    """Channels within a block, over those that come in."""
    head: Count
    """Channels of the last convolution, which is 1x1: the size of an embedding."""

    @model_validator(mode="after")
    def _consistent(self) -> "EfficientNetLite":
        lengths = {name: len(getattr(self, name)) for name in PER_STAGE}
        if len(set(lengths.values())) > 1:
            named = ", ".join(f"{count} {name}" for name, count in lengths.items())
            raise ValueError(f"has {named}; a stage has one of each")
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.head

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        positions = height * width / 4
        yield Stage(positions, 9 * channels * self.stem, self.stem)
        inputs = self.stem
        for out, count, kernel, stride, expansion in zip(
            *(getattr(self, name) for name in PER_STAGE), strict=True
        ):
            for block in range(count):
                inner = inputs * expansion
                if expansion > 1:
                    yield Stage(positions, inputs * inner, inner)
                positions /= stride**2 if block == 0 else 1
                yield Stage(positions, inner * (kernel**2 + out), inner + out)
                inputs = out
        yield Stage(positions, inputs * self.head, self.head)
