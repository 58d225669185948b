"""Recipe of principal components."""

from typing import Literal

from coldstart.config.recipes.encoders import Encoder
from coldstart.config.recipes.model import Count


class Pca(Encoder):
    """Principal components of the raw pixels: the baseline without learning."""

    method: Literal["pca"]
    components: Count
    """Fewer where the images or their pixels are fewer."""

    @property
    def dim(self) -> int:
        """Size of an embedding, at most."""
        return self.components

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds that embed one image."""
        return height * width * channels * self.components

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that are put out on the way: the image itself, as floats."""
        return height * width * channels
