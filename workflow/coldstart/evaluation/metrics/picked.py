"""Number of labels of each class."""

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.metrics.picked import Picked
from coldstart.data.unclassed import OUTLIER
from coldstart.evaluation.judged import Judged


def measure(judged: Judged, recipe: Picked) -> NDArray[np.float64]:
    """Return the number of labels that were bought of each class."""
    inside = judged.bought[judged.bought != OUTLIER]
    return np.bincount(inside, minlength=judged.classes).astype(float)
