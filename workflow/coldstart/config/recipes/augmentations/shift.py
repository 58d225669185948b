"""Recipe of a translation."""

from typing import Literal

from coldstart.config.recipes.augmentations import Transform
from coldstart.config.recipes.model import Count


class Shift(Transform):
    """A translation by whole pixels, each way as likely; what moves in is black."""

    op: Literal["shift"]
    pixels: Count
    """The farthest in each direction: ``4`` is the usual crop out of a CIFAR image padded by 4."""
