"""Recipe of Barlow twins."""

from typing import Literal

from coldstart.config.recipes.encoders import Head, Trained, TwoViews
from coldstart.config.recipes.model import Positive


class BarlowTwins(Trained):
    """Barlow twins: self-supervised learning by redundancy reduction (Zbontar et al. 2021)."""

    method: Literal["barlow-twins"]
    views: TwoViews
    projector: Head
    off_diagonal: Positive
    """Weight of the cross-correlation's other entries beside its diagonal's (lambda)."""
