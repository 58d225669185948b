"""Recipe of LeNet."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from coldstart.config.recipes.backbones import Network, Stage
from coldstart.config.recipes.model import Count


class LeNet(Network):
    """LeNet-5 (LeCun et al. 1998) with ReLU and max-pool, and a latent layer for the classifier."""

    fixed: ClassVar[bool] = True

    family: Literal["lenet"]
    latent: Count
    """Size of the embedding."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.latent

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have: halved, less 4, and halved is one."""
        return 12

    def flat(self, height: int, width: int) -> int:
        """Numbers that reach the first linear layer."""
        return 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)

    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        yield Stage(height * width, 1000, 10)
