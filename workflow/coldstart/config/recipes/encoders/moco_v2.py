"""Recipe of momentum contrast."""

from typing import ClassVar, Literal

from coldstart.config.recipes.encoders import Following, Head, TwoViews
from coldstart.config.recipes.model import Count, Positive


class MocoV2(Following):
    """Momentum contrast with SimCLR's head and blur (He et al. 2020, Chen et al. 2020)."""

    alone: ClassVar[bool] = True

    method: Literal["moco-v2"]
    views: TwoViews
    """The views of the query and of its key."""
    projector: Head
    temperature: Positive
    queue: Count
    """Keys of earlier batches that are kept as negatives."""
