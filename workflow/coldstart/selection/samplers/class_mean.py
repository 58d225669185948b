"""Distances of candidates to the mean embedding of their predicted class."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.selection.base import KNOWN, Picks, Query, Sampler

Distance = Literal["cosine", "euclidean"]

ROWS = 8192
"""Embeddings that are converted to float64 at a time: distances may differ by very little."""


class ClassMean(Sampler):
    """The candidates nearest to the mean embedding of their predicted class, or farthest from it.

    Picking the nearest is ``LatentMeanDistance`` of Mandivarapu et al. (2022), in the order of
    their code. The acquisition score is the distance, as ``class_distances`` measures it. Equal
    distances are ordered at random; if no class has a mean, all are equal.
    """

    sampler: Literal["class-mean"]
    distance: Distance = "cosine"
    first: Literal["nearest", "farthest"] = "nearest"

    reads: ClassVar = frozenset({"embeddings", "predictions", KNOWN})
    stochastic: ClassVar = False  # except where distances are equal
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        found = class_distances(query, self.distance).candidates
        values = found if self.first == "nearest" else -found
        chance = query.rng.permutation(len(values))
        picked = np.lexsort((chance, values))[: query.budget]
        return Picks(query.candidates.ids[picked], found[picked])


@dataclass(frozen=True)
class ClassDistances:
    """Distances of images to the mean embedding of their predicted class.

    Attributes:
        classes: predicted class of each candidate, int64 [n].
        candidates: distance of each candidate to the mean of that class, float64 [n].
        correct: class of each labelled image that is classified correctly, int64 [m].
        labelled: distance of each of these images to the mean of its class, float64 [m].
    """

    classes: NDArray[np.int64]
    candidates: NDArray[np.float64]
    correct: NDArray[np.int64]
    labelled: NDArray[np.float64]


def class_distances(query: Query, distance: Distance) -> ClassDistances:
    """Measure the distances of candidates and of labelled images to the means of their classes.

    The mean of a class is the mean embedding of its labelled images that are classified correctly.
    If a candidate's predicted class has no such image, the distance to the nearest mean of another
    class is taken. If no class has one, all distances are 0.

    Args:
        query: the query, with embeddings, predictions and the labelled set with its classes.
        distance: the measure; ``cosine`` is 1 minus the cosine similarity.
    """
    assert query.known is not None
    candidates, known = query.candidates, query.known
    rows = np.searchsorted(query.labelled.ids, known.ids)
    right = query.labelled.predictions[rows].argmax(axis=1) == known.labels
    rows, correct = rows[right], known.labels[right]
    embeddings = query.labelled.embeddings[rows]
    there = np.unique(correct)
    classes = candidates.predictions.argmax(axis=1)
    if not len(there):
        nought = np.zeros(len(classes))
        return ClassDistances(classes, nought, correct, nought[:0])
    means = np.stack([embeddings[correct == one].mean(axis=0, dtype=np.float64) for one in there])
    apart = _apart(candidates.embeddings, means, distance)
    own = np.minimum(np.searchsorted(there, classes), len(there) - 1)
    found = np.where(there[own] == classes, apart[np.arange(len(classes)), own], apart.min(axis=1))
    within = _apart(embeddings, means, distance)
    labelled = within[np.arange(len(correct)), np.searchsorted(there, correct)]
    return ClassDistances(classes, found, correct, labelled)


def _apart(
    X: NDArray[np.float32], means: NDArray[np.float64], distance: Distance
) -> NDArray[np.float64]:
    """Return the distance of each row of ``X`` [n, dim] to each mean [k, dim]: float64 [n, k]."""
    found = np.empty((len(X), len(means)))
    directions = means / _lengths(means)
    for start in range(0, len(X), ROWS):
        part = X[start : start + ROWS].astype(np.float64)
        if distance == "cosine":
            found[start : start + ROWS] = 1 - (part / _lengths(part)) @ directions.T
        else:
            apart = [np.linalg.norm(part - mean, axis=1) for mean in means]
            found[start : start + ROWS] = np.stack(apart, axis=1)
    return found


def _lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths: NDArray[np.float64] = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.maximum(lengths, np.finfo(np.float64).tiny)
