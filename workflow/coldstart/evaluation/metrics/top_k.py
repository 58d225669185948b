"""Top-k accuracy."""

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.metrics.top_k import TopK
from coldstart.evaluation.judged import Judged


def measure(judged: Judged, recipe: TopK) -> float:
    """Return the share of test images whose label is among the k most probable."""
    return top_k_accuracy(judged.probabilities, judged.labels, recipe.k)


def top_k_accuracy(scores: NDArray[np.floating], labels: NDArray[np.integer], k: int) -> float:
    """Return the share of rows whose label is among the ``k`` best scores.

    Among equal scores the class with the higher number ranks first, as in scikit-learn's
    ``top_k_accuracy_score``.

    Args:
        scores: [n, classes].
        labels: [n].
        k: how many scores count.
    """
    columns = scores.T
    own = columns[labels, np.arange(len(labels))]
    later = np.arange(len(columns))[:, None] > labels
    rank = ((columns > own) | ((columns == own) & later)).sum(0)
    return float((rank < k).mean())
