"""Recipe of solarisation."""

from typing import Literal

from coldstart.config.recipes.augmentations import Transform
from coldstart.config.recipes.model import Probability


class Solarize(Transform):
    """Every value at or above a threshold is inverted."""

    op: Literal["solarize"]
    probability: Probability
    threshold: Probability = 0.5
