"""Recipe of self-labelling."""

from typing import ClassVar, Literal

from coldstart.config.recipes.encoders import Clustering, TwoViews
from coldstart.config.recipes.model import Probability


class SelfLabel(Clustering):
    """Learning from one's own confident predictions (Van Gansbeke et al. 2020, section 2.3)."""

    alone: ClassVar[bool] = True

    method: Literal["self-label"]
    start: str
    """One of method ``scan``, with as many clusters."""
    views: TwoViews
    """The one whose prediction becomes a label, and the stronger one that is to get it too."""
    threshold: Probability
    """The probability above which a prediction counts as confident."""
