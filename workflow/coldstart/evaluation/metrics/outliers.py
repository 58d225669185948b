"""Number of images in the labelled set that belong to no class."""

from coldstart.config.recipes.metrics.outliers import Outliers
from coldstart.data.unclassed import OUTLIER
from coldstart.evaluation.judged import Judged


def measure(judged: Judged, recipe: Outliers) -> float:
    """Return the number of images that were bought and belong to no class."""
    return float((judged.bought == OUTLIER).sum())
