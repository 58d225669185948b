"""Recipes of strided convolutions with a latent layer."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count


class Strided(Network):
    """Convolutions with stride 2 and a latent layer: the encoding half of an autoencoder."""

    fixed: ClassVar[bool] = True
    kernel: ClassVar[int]
    """Side of a convolution's kernel."""

    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels of each convolution."""
    latent: Count
    """Size of the embedding."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.latent

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Rows and columns of the image, and of what each convolution puts out."""
        found = [(height, width)]
        for _ in self.widths:
            height, width = self._halved(height), self._halved(width)
            found.append((height, width))
        return found

    def flat(self, height: int, width: int) -> int:
        """Numbers that reach the latent layer."""
        rows, columns = self.sizes(height, width)[-1]
        return rows * columns * self.widths[-1]

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        sizes = self.sizes(height, width)[1:]
        for (below, out), size in zip(pairwise((channels, *self.widths)), sizes, strict=True):
            yield Stage(math.prod(size), self.kernel**2 * below * out, out)
        yield Stage(1, self.flat(height, width) * self.latent, self.latent)

    @staticmethod
    @abstractmethod
    def _halved(side: int) -> int:
        """Return the side of what a convolution puts out of one with this side."""


class Convs(Strided):
    """3x3 convolutions with stride 2, BatchNorm, leaky ReLU, and a latent layer: a VAE's half."""

    kernel: ClassVar[int] = 3

    family: Literal["convs"]

    @staticmethod
    def _halved(side: int) -> int:
        return -(-side // 2)
