"""Recipe of the removal of colour."""

from typing import Literal

from coldstart.config.recipes.augmentations import Transform
from coldstart.config.recipes.model import Probability


class Grey(Transform):
    """All colour removed; the number of channels stays."""

    op: Literal["grey"]
    probability: Probability
