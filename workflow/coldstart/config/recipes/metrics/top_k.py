"""The recipe of top-k accuracy."""

from typing import Literal

from coldstart.config.recipes.metrics import Metric
from coldstart.config.recipes.model import Count


class TopK(Metric):
    """Share of test images whose label is among the k most probable."""

    metric: Literal["top-k"]
    k: Count
