"""Recipe of a horizontal flip."""

from typing import Literal

from coldstart.config.recipes.augmentations import Transform
from coldstart.config.recipes.model import Probability


class Flip(Transform):
    """A horizontal flip."""

    op: Literal["flip"]
    probability: Probability = 0.5
