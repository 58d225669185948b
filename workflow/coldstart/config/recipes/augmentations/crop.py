"""Recipe of a random resized crop."""

from typing import Literal

from coldstart.config.recipes.augmentations import Range, Share, Transform
from coldstart.config.recipes.model import Count


class Crop(Transform):
    """A random patch, resized (bilinear, antialiased)."""

    op: Literal["crop"]
    scale: Range = [0.08, 1.0]
    """Share of the image's area that the patch covers."""
    ratio: Range = [3 / 4, 4 / 3]
    """Width over height of the patch; drawn log-uniformly."""
    size: Count | Share | None = None
    """Height and width of what comes out: pixels, or a share of the input's; if unset, those."""

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what comes out of images of this size."""
        match self.size:
            case None:
                return height, width
            case float(share):
                return max(1, round(share * height)), max(1, round(share * width))
            case pixels:
                return pixels, pixels
