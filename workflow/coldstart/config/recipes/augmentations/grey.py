"""Recipe of the removal of colour."""

from typing import Literal

from coldstart.config.model import Probability
from coldstart.config.recipes.augmentations import Transform


class Grey(Transform):
    """All colour removed; the number of channels stays."""

    op: Literal["grey"]
    probability: Probability
