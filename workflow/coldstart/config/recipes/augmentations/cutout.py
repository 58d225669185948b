"""Recipe of cutout."""

from typing import Literal

from coldstart.config.recipes.augmentations import Transform
from coldstart.config.recipes.model import Count, Probability


class Cutout(Transform):
    """A square is covered (DeVries & Taylor 2017); its centre is any pixel of the image."""

    op: Literal["cutout"]
    probability: Probability = 1.0
    size: Count
    """Side of the square in pixels; the image's border cuts it."""
    fill: Probability = 0.5
    """Value of the covered pixels: mid-grey, close to the paper's mean of each channel."""
