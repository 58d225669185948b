"""Recipe of a translation."""

from typing import Literal

from coldstart.config.model import Count
from coldstart.config.recipes.augmentations import Transform


class Shift(Transform):
    """A translation by whole pixels, each way as likely; what moves in is black."""

    op: Literal["shift"]
    pixels: Count
    """The farthest in each direction: ``4`` is the usual crop out of a CIFAR image padded by 4."""
