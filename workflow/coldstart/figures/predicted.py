"""Predictions of test images by a learner that is fitted on picks, for figures that show images."""

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.scaling import Labelled, standardised
from coldstart.figures.data import Shown


def split_of(shown: Shown, run: str, seed: int, split: str) -> Labelled:
    """Ids, embeddings and labels of a split, the latter as ``known_labels`` has them."""
    ids, features = shown.embeddings(run, seed, split)
    return Labelled(ids, features, shown.known_labels(run, ids))


def predict(
    candidates: Labelled, test: Labelled, chosen: NDArray[np.int64], learner: LogisticRegression
) -> NDArray[np.float64]:
    """Fit the study's own learner on some labels, and predict the test images.

    Args:
        candidates: to choose from.
        test: images that are predicted.
        chosen: ids of candidates whose labels are known, int64 [m].
        learner: its recipe.

    Returns:
        The probability of each class for each test image, float64 [n, classes].
    """
    if learner.standardise:
        candidates, test = standardised(candidates, test)
    rows = np.searchsorted(candidates.ids, np.sort(chosen))
    rows = rows[candidates.labels[rows] >= 0]  # an outlier teaches nothing
    features, labels = candidates.features[rows], candidates.labels[rows]
    classes = int(max(candidates.labels.max(), test.labels.max())) + 1
    coef, intercept = fit_probes(
        features, labels, [np.arange(len(rows))], classes, learner.c, learner.tolerance
    )
    logits = test.features.astype(float) @ coef[0].T.astype(float) + intercept[0]
    odds = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: NDArray[np.float64] = odds / odds.sum(1, keepdims=True)
    return probabilities
