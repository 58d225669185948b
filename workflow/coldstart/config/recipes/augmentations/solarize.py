"""Recipe of solarisation."""

from typing import Literal

from coldstart.config.model import Probability
from coldstart.config.recipes.augmentations import Transform


class Solarize(Transform):
    """Every value at or above a threshold is inverted."""

    op: Literal["solarize"]
    probability: Probability
    threshold: Probability = 0.5
