"""Share of each class's test images that are classified rightly."""

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.metrics.recall import Recall
from coldstart.evaluation.judged import Judged


def measure(judged: Judged, recipe: Recall) -> NDArray[np.float64]:
    """Return each class's share, float64 [classes], missing where no test image is of it."""
    right = judged.probabilities.argmax(axis=1) == judged.labels
    of_class = judged.labels == np.arange(judged.classes)[:, None]
    with np.errstate(invalid="ignore"):
        shares: NDArray[np.float64] = (of_class & right).sum(axis=1) / of_class.sum(axis=1)
    return shares
