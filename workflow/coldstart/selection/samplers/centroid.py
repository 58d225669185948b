"""Images nearest to the centres of as many clusters as there are picks."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.embeddings.distances import unit_rows
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.clustering import many_means, members


class Centroid(Sampler):
    """The image nearest to each centre of k-means, in the order of the clusters' sizes.

    This is the start ``centroid`` of Gupte et al. 2024: k-means of embeddings brought to length 1,
    with as many clusters as images are picked. What it leaves open is so here: Labelled images are
    clustered with the others, into a cluster more for each. The clusters with the fewest labels
    come first and, among these, the largest; a cluster gives its images in the order of their
    distance to the centre. The score is minus that distance.
    """

    sampler: Literal["centroid"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = False

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        X, left = unit_rows(everything.embeddings), everything.left
        clusters = members(many_means(X, len(query.labelled.ids) + query.budget, query.rng))
        order: list[tuple[int, int, int]] = []
        apart = np.empty(len(X))
        for rows in clusters:
            apart[rows] = np.linalg.norm(X[rows] - X[rows].mean(axis=0), axis=1)
            order += _turns(rows, apart, left)
        picked = [row for *_, row in sorted(order)[: query.budget]]
        return Picks(everything.ids[picked], -apart[picked])


def _turns(
    rows: NDArray[np.intp], apart: NDArray[np.float64], left: NDArray[np.bool_]
) -> list[tuple[int, int, int]]:
    """When a cluster's images come: labels and picks before each, minus the size, and the row."""
    free = rows[left[rows]]
    before = len(rows) - len(free)
    nearest = free[np.argsort(apart[free], kind="stable")]
    return [(before + turn, -len(rows), int(row)) for turn, row in enumerate(nearest)]
