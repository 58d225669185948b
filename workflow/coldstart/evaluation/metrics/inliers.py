"""Share of the labelled set that belongs to a class."""

from coldstart.config.recipes.metrics.inliers import Inliers
from coldstart.data.unclassed import OUTLIER
from coldstart.evaluation.judged import Judged


def measure(judged: Judged, recipe: Inliers) -> float:
    """Return the share of the images that were bought which belong to a class."""
    return float((judged.bought != OUTLIER).mean())
