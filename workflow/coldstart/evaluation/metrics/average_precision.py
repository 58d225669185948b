"""Average precision of each class."""

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.metrics.average_precision import AveragePrecision
from coldstart.evaluation.judged import Judged


def measure(judged: Judged, recipe: AveragePrecision) -> NDArray[np.float64]:
    """Return the average precision of each class by its probability.

    Logits rank test images otherwise.
    """
    return average_precision(judged.probabilities, judged.labels)


def average_precision(
    scores: NDArray[np.floating], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Average precision of each class against the rest: the sum of (R_j - R_{j-1}) P_j.

    The sum runs over the distinct scores, so rows with equal scores count together and a constant
    score has the class's prevalence, as in scikit-learn's ``average_precision_score``. A class
    without a row has none (not a number): 0, as there, would count in means over classes.

    Args:
        scores: [n, classes].
        labels: [n].

    Returns:
        [classes].
    """
    result = np.full(scores.shape[1], np.nan)
    for k, column in enumerate(scores.T):
        positives = np.sort(column[labels == k])
        if len(positives):
            # Precision at a row's score is the share of positives among the rows with at least it.
            true = _at_least(positives, positives)
            result[k] = (true / _at_least(np.sort(column), positives)).mean()
    return result


def _at_least(
    ascending: NDArray[np.floating], thresholds: NDArray[np.floating]
) -> NDArray[np.integer]:
    """Count the values that reach each of the thresholds."""
    return len(ascending) - np.searchsorted(ascending, thresholds)
