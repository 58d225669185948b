"""Recipe of semantic clustering by nearest neighbours."""

from typing import Literal

from coldstart.config.recipes.encoders import Clustering, TwoViews
from coldstart.config.recipes.model import Count, NonNegative


class Scan(Clustering):
    """Semantic clustering by adopting nearest neighbours (Van Gansbeke et al. 2020, eq. 2)."""

    method: Literal["scan"]
    views: TwoViews
    """The views of an image and of one of its neighbours."""
    neighbours: Count
    """Images of which each view of a neighbour is drawn: the most similar ones by the embeddings
    that the training starts from."""
    entropy_weight: NonNegative
    """Weight of the mean prediction's entropy, which keeps all clusters in use (lambda)."""
