"""Recipe of wide residual networks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count


class WideResNet(Network):
    """A wide residual network, WRN-depth-width (Zagoruyko and Komodakis 2016)."""

    family: Literal["wide-resnet"]
    depth: Annotated[int, Field(ge=10)]
    """Convolutions on the way, shortcuts aside: 6 n + 4 for n blocks in each of three stages."""
    width: Count
    """Factor of the stages' 16, 32 and 64 channels."""

    @model_validator(mode="after")
    def _three_stages(self) -> "WideResNet":
        if (self.depth - 4) % 6:
            raise ValueError(f"depth is {self.depth}, and must be 6 n + 4: 10, 16, 22, 28, ...")
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.widths[-1]

    @property
    def blocks(self) -> int:
        """Blocks in each stage."""
        return (self.depth - 4) // 6

    @property
    def widths(self) -> list[int]:
        """Channels of each stage."""
        return [channels * self.width for channels in (16, 32, 64)]

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        for number, out in enumerate(self.widths):
            yield Stage(
                height * width / 4**number, self.blocks * 18 * out**2, self.blocks * 2 * out
            )
