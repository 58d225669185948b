"""Recipe of SimCLR."""

from typing import Literal

from coldstart.config.recipes.encoders import Head, Trained, TwoViews
from coldstart.config.recipes.model import Positive


class SimClr(Trained):
    """A simple framework for contrastive learning of representations (Chen et al. 2020)."""

    method: Literal["simclr"]
    views: TwoViews
    projector: Head
    temperature: Positive
