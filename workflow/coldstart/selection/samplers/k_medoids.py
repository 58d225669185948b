"""k-medoids: the images to which the distances of all others sum up to little."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.common.progress import Progress
from coldstart.embeddings.distances import squared_to_nearest
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.clustering import k_means_plus_plus, members
from coldstart.selection.samplers.similarity import blocks, distances, distances_within

ROUNDS = 100
"""After so many it stops, settled or not."""
TIE = 1e-5
"""Sums that differ by less than this share of them are the same."""


class KMedoids(Sampler):
    """As many medoids as the budget, by alternation (Park & Jun 2009) from seeds by k-means++.

    By turns, every image goes to its nearest medoid, and the medoid of each cluster becomes that
    image of the cluster to which the Euclidean distances of the others sum up to the least, until
    nothing changes. This is a local optimum of the sum of distances, and a weaker one than where
    medoids are swapped with images of other clusters (PAM). Labelled images are medoids that stay.

    The score is by how much the sum of distances would rise without the medoid; the highest is
    first. A lone medoid carries infinity.
    """

    sampler: Literal["k-medoids"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = False

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        X = everything.embeddings - everything.embeddings.mean(axis=0)  # smaller norms round less
        left = everything.left
        free, fixed = np.flatnonzero(left), np.flatnonzero(~left)
        nearest = np.full(len(free), np.inf, dtype=np.float32)
        if len(fixed):
            nearest = squared_to_nearest(X[free], X[fixed])
        seeds = free[k_means_plus_plus(X[free], nearest, query.budget, query.rng)[0]]
        medoids = alternate(X, np.concatenate([seeds, fixed]), query.budget)
        rises = _rises(X, medoids)[: query.budget]
        order = np.argsort(-rises, kind="stable")
        return Picks(everything.ids[medoids[: query.budget][order]], rises[order])


def alternate(X: NDArray[np.float32], medoids: NDArray[np.intp], moving: int) -> NDArray[np.intp]:
    """Move medoids within their clusters for as long as the sum of distances falls.

    Args:
        X: float32 [n, dim].
        medoids: rows, intp [k], each once.
        moving: how many of them may move, the first ones; never to a row that is a medoid.

    Returns:
        The medoids' rows, intp [k].
    """
    medoids = medoids.copy()
    settled = [np.empty(0, dtype=np.intp)] * moving
    progress = Progress("k-medoids: rounds, at most", ROUNDS)
    for turn in range(ROUNDS):
        moved = 0
        clusters = members(_assigned(X, medoids))
        for cluster, rows in enumerate(clusters[:moving]):
            if np.array_equal(settled[cluster], rows):
                continue
            settled[cluster] = rows
            sums = _sums(X[rows])
            best = rows[int(sums.argmin())]
            # A cluster of two images has two equal medoids: rounding alone must not move one.
            if sums.min() < (1 - TIE) * sums[np.searchsorted(rows, medoids[cluster])]:
                medoids[cluster] = best
                moved += 1
        progress.advance(1 if moved else ROUNDS - turn, f"{moved} of {moving} medoids moved")
        if not moved:
            break
    return medoids


def _assigned(X: NDArray[np.float32], medoids: NDArray[np.intp]) -> NDArray[np.int64]:
    """The nearest of the medoids: int64 [n]."""
    assigned = np.empty(len(X), dtype=np.int64)
    for block in blocks(0, len(X), len(medoids)):
        assigned[block] = distances(X[block], X[medoids]).argmin(axis=1)
    assigned[medoids] = np.arange(len(medoids))  # also where others are as near, but for rounding
    return assigned


def _sums(X: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum of the distances of each row to all others: float64 [n]."""
    sums = np.empty(len(X))
    for block in blocks(0, len(X), len(X)):
        sums[block] = distances_within(X, block, 0.0).sum(axis=1, dtype=np.float64)
    return sums


def _rises(X: NDArray[np.float32], medoids: NDArray[np.intp]) -> NDArray[np.float64]:
    """Sum, by medoid, the extra distance of its rows to their second nearest medoid."""
    if len(medoids) == 1:
        return np.array([np.inf])
    rises = np.zeros(len(medoids))
    for block in blocks(0, len(X), len(medoids)):
        apart = distances(X[block], X[medoids])
        nearest = apart.argmin(axis=1)
        two = np.partition(apart, 1, axis=1)[:, :2].astype(np.float64)
        rises += np.bincount(nearest, two[:, 1] - two[:, 0], minlength=len(medoids))
    return rises
