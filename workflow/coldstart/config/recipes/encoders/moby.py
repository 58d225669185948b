"""Recipe of MoBY."""

from typing import Literal

from coldstart.config.recipes.encoders import Predicting, TwoViews
from coldstart.config.recipes.model import Count, Positive


class Moby(Predicting):
    """MoCo's queues with BYOL's asymmetry (Xie et al. 2021)."""

    method: Literal["moby"]
    views: TwoViews
    temperature: Positive
    queue: Count
    """Keys of earlier batches that are kept as negatives, of each view."""
