"""Recipe of a horizontal flip."""

from typing import Literal

from coldstart.config.model import Probability
from coldstart.config.recipes.augmentations import Transform


class Flip(Transform):
    """A horizontal flip."""

    op: Literal["flip"]
    probability: Probability = 0.5
