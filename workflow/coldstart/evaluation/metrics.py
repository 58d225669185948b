"""Top-k accuracy and one-vs-rest average precision of many probes at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from coldstart.data.read import OUTLIER
from coldstart.errors import ColdstartError

COLUMNS = ["sampler", "trial", "budget", "metric", "label", "value"]
"""Columns of the table of metrics."""
TOP_K = (1, 2, 3)
CHUNK_BYTES = 32 * 2**20


def judged(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Mask of the test images that metrics are measured on, those of a class: bool [n].

    Args:
        labels: [n], OUTLIER where an image belongs to no class.

    Raises:
        ColdstartError: there is none.
    """
    inside: NDArray[np.bool_] = labels != OUTLIER
    if not inside.any():
        raise ColdstartError(
            f"none of the {len(labels)} test images belongs to a class, so no learner can be "
            "judged on them: take the split `test` from a part of the data set that has classes"
        )
    return inside


def top_k_accuracy(
    scores: NDArray[np.floating], labels: NDArray[np.integer], ks: Sequence[int] = TOP_K
) -> NDArray[np.float64]:
    """Fraction of rows whose label is among the ``k`` best scores, for each ``k``.

    Among equal scores the class with the higher number ranks first, as in scikit-learn's
    ``top_k_accuracy_score``.

    Args:
        scores: [n, classes].
        labels: [n].
        ks: the values of k.

    Returns:
        [len(ks)].
    """
    columns = scores.T
    own = columns[labels, np.arange(len(labels))]
    later = np.arange(len(columns))[:, None] > labels
    rank = ((columns > own) | ((columns == own) & later)).sum(0)
    return np.array([(rank < k).mean() for k in ks])


def average_precision(
    scores: NDArray[np.floating], labels: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Average precision of each class against the rest: the sum of (R_j - R_{j-1}) P_j.

    The sum runs over the distinct scores, so rows with equal scores count together and a constant
    score has the class's prevalence, as in scikit-learn's ``average_precision_score``. A class
    without a row has none (not a number): 0, as there, would count in means over classes.

    Args:
        scores: [n, classes]; for probes, the predicted probabilities. Logits rank otherwise.
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


def merits(
    top_k: NDArray[np.float64],
    precision: NDArray[np.float64],
    picked: NDArray[np.integer],
    outliers: int,
) -> pd.DataFrame:
    """Tabulate the metrics of one learner and its labelled set: metric, label, value.

    Args:
        top_k: accuracies for k = 1, 2, ...
        precision: average precision of each class; one that is not a number has no row.
        picked: labels of each class that it was trained on.
        outliers: labels bought that are of none.
    """
    tested = np.flatnonzero(~np.isnan(precision))
    classes = range(len(picked))
    names = [f"top-{k + 1}" for k in range(len(top_k))]
    return pd.DataFrame(
        {
            "metric": names
            + ["average-precision"] * len(tested)
            + ["picked"] * len(classes)
            + ["outliers"],
            "label": pd.array([pd.NA] * len(names) + [*tested, *classes, pd.NA], dtype="Int64"),
            "value": np.concatenate([top_k, precision[tested], picked, [outliers]]),
        }
    )


def evaluate_probes(
    features: NDArray[np.float32],
    labels: NDArray[np.integer],
    coef: NDArray[np.floating],
    intercept: NDArray[np.floating],
    ks: Sequence[int] = TOP_K,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score linear probes on a test set by their predicted probabilities.

    Args:
        features: [n, dim] embeddings of the test images.
        labels: [n], each of a class.
        coef: [probes, classes, dim].
        intercept: [probes, classes]; -inf where the probability is to be 0.
        ks: the values of k.

    Returns:
        Top-k accuracies [probes, len(ks)] and average precisions [probes, classes].
    """
    probes, classes, dim = coef.shape
    # float64, because probabilities near 1 would be ties in float32.
    X = torch.from_numpy(features).double()
    top_k, precision = np.empty((probes, len(ks))), np.empty((probes, classes))

    def judge(probe: int, probabilities: NDArray[np.float64]) -> None:
        top_k[probe] = top_k_accuracy(probabilities.T, labels, ks)
        precision[probe] = average_precision(probabilities.T, labels)

    room = max(1, CHUNK_BYTES // (8 * len(labels) * classes))
    # NumPy sorts without the interpreter's lock, so threads keep all cores busy.
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        for first in range(0, probes, room):
            part = range(first, min(first + room, probes))
            W = torch.from_numpy(coef[part]).double()
            b = torch.from_numpy(intercept[part]).double()
            # A class's probabilities lie side by side, for they are sorted.
            logits = (W.view(-1, dim) @ X.T).view(len(part), classes, -1) + b[..., None]
            for _ in threads.map(judge, part, torch.softmax(logits, 1).numpy()):
                pass
    return top_k, precision
