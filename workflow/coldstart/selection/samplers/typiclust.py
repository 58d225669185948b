"""TypiClust: the most typical image of each large cluster that has no label."""

import heapq
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.common.progress import Progress
from coldstart.config.recipes.model import Count
from coldstart.embeddings.distances import unit_rows
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.clustering import many_means, members
from coldstart.selection.samplers.similarity import blocks, distances_within

SMALLEST = 5
"""Images that a cluster needs (Hacohen et al., section 3.2)."""


class TypiClust(Sampler):
    """TPC_RP, typical images of clusters (Hacohen et al. 2022, Algorithm 1).

    All images are clustered by k-means into as many clusters as there are labels and picks
    together, up to ``max_clusters``. The largest cluster without a label gives its most typical
    image, the one with the smallest mean distance to its nearest neighbours in the cluster; then
    the next largest. Clusters of fewer than five images are left out. The score is the image's
    typicality.

    What the paper leaves open, here is so: Embeddings are brought to length 1, as in the authors'
    code. There are never more clusters than would have five images each. Where every cluster has a
    label, that with the fewest labels is next and, among these, the largest; it gives the most
    typical of its images without one. Labelled images are neighbours like others. In a cluster of
    no more images than ``neighbours``, all others are neighbours; an image alone has typicality 0.
    Small clusters give images once all others have none left.
    """

    sampler: Literal["typiclust"]
    neighbours: Count = 20
    max_clusters: Count = 500

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = False

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        X, left = unit_rows(everything.embeddings), everything.left
        most = min(self.max_clusters, max(1, len(X) // SMALLEST))
        clusters = members(
            many_means(X, min(len(query.labelled.ids) + query.budget, most), query.rng)
        )
        waiting = [
            (len(rows) < SMALLEST, len(rows) - int(left[rows].sum()), -len(rows), cluster)
            for cluster, rows in enumerate(clusters)
            if left[rows].any()
        ]
        heapq.heapify(waiting)
        ranked: dict[int, list[tuple[int, float]]] = {}
        picked: list[tuple[int, float]] = []
        progress = Progress("typical images", query.budget)
        while len(picked) < query.budget:
            small, labels, negative_size, cluster = heapq.heappop(waiting)
            if cluster not in ranked:
                ranked[cluster] = self._least_typical_first(X, left, clusters[cluster])
            picked.append(ranked[cluster].pop())
            if ranked[cluster]:
                heapq.heappush(waiting, (small, labels + 1, negative_size, cluster))
            progress.advance()
        rows, scores = zip(*picked, strict=True)
        return Picks(everything.ids[list(rows)], np.array(scores))

    def _least_typical_first(
        self, X: NDArray[np.float32], left: NDArray[np.bool_], rows: NDArray[np.intp]
    ) -> list[tuple[int, float]]:
        """Return the rows of a cluster without a label, and their typicality."""
        scores = typicality(X[rows], self.neighbours)
        order = np.argsort(-scores, kind="stable")[::-1]
        return [(int(rows[at]), float(scores[at])) for at in order if left[rows[at]]]


def typicality(X: NDArray[np.float32], neighbours: int) -> NDArray[np.float64]:
    """Inverse of the mean Euclidean distance to the nearest neighbours (Hacohen et al., eq. 4).

    Args:
        X: float32 [n, dim].
        neighbours: of each row among the others; all of them, where there are fewer.

    Returns:
        float64 [n]: infinite for a row like all its neighbours, 0 for one that has none.
    """
    neighbours = min(neighbours, len(X) - 1)
    if not neighbours:
        return np.zeros(len(X))
    means = np.empty(len(X))
    for block in blocks(0, len(X), len(X)):
        apart = distances_within(X, block, np.inf)
        nearest = np.partition(apart, neighbours - 1, axis=1)[:, :neighbours]
        means[block] = nearest.mean(axis=1, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return 1.0 / means
