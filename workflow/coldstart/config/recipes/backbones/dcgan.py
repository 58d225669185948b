"""Recipe of DCGAN's convolutions with a latent layer."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count


class Dcgan(Network):
    """4x4 convolutions with stride 2, BatchNorm, ReLU, and a latent layer (Radford et al. 2016)."""

    fixed: ClassVar[bool] = True

    family: Literal["dcgan"]
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels of each convolution."""
    latent: Count
    """Size of the embedding."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.latent

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have: each convolution halves them."""
        return int(2 ** len(self.widths))

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Rows and columns of the image, and of what each convolution puts out."""
        found = [(height, width)]
        for _ in self.widths:
            height, width = height // 2, width // 2
            found.append((height, width))
        return found

    def flat(self, height: int, width: int) -> int:
        """Numbers that reach the latent layer."""
        rows, columns = self.sizes(height, width)[-1]
        return rows * columns * self.widths[-1]

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        sizes = self.sizes(height, width)[1:]
        for (below, out), size in zip(pairwise((channels, *self.widths)), sizes, strict=True):
            yield Stage(math.prod(size), 16 * below * out, out)
        yield Stage(1, self.flat(height, width) * self.latent, self.latent)
