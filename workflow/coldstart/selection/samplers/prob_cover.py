"""ProbCover: the images whose balls cover the most that is not covered yet."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress, log
from coldstart.config.recipes.model import Count, Positive
from coldstart.embeddings.distances import unit_rows
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.clustering import k_means, members
from coldstart.selection.samplers.similarity import blocks, distances_within, in_parts

ANCHORS = 2000
"""Images at most around which balls are looked at for the radius by neighbours."""
RADII = 250
"""Radii that are tried for it, evenly spaced from 0 to 2, the largest distance."""

EDGES = 2**28
"""Pairs of near images that fit into memory, at 4 bytes each."""

Graph = list[NDArray[np.int32]]
"""Rows in the ball around each row, itself among them."""


class ProbCover(Sampler):
    """Greedy maximum coverage by balls of one radius (Yehuda et al. 2022, Algorithm 1).

    An image covers those in the open ball around it, of embeddings brought to length 1. The next
    pick covers the most images that neither a label nor an earlier pick covers, and the score is
    how many these are, itself among them. Where several cover as many, and once all are covered,
    chance decides; the paper says of neither.

    The radius is the largest that is pure enough, by one of two rules. ``balls`` is the paper's
    (section 4.2): at least a share ``purity`` of the balls holds images of one k-means cluster
    alone. The paper tries values one by one; here it is exact: the ball around an image is pure up
    to its nearest image of another cluster. On features of a pretrained network this radius is too
    small, because the balls of isolated images, which hold nothing else, are pure. ``neighbours``
    leaves these out: of an image's neighbours in its ball, a share ``purity`` is of its own
    cluster, on average over the images that have neighbours.
    """

    sampler: Literal["prob-cover"]
    clusters: Count = 10
    """For the radius: as many as there are classes."""
    rule: Literal["balls", "neighbours"] = "balls"
    """Share that ``purity`` is of: pure balls, or an image's neighbours in its own cluster."""
    purity: Annotated[float, Field(gt=0, le=1)] = 0.95
    radius: Positive | None = None
    """Between embeddings of length 1, so of 2 at most; then nothing is clustered."""

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        # The first of those that cover most is picked; mixed, that is a random one.
        everything = everything.rows(query.rng.permutation(len(everything.ids)))
        X = unit_rows(everything.embeddings)
        radius = self.radius
        if radius is None:
            find = pure_radius if self.rule == "balls" else neighbour_radius
            radius = find(X, k_means(X, self.clusters, query.rng), self.purity)
        graph = balls(X, radius)
        picked, scores, covered = max_cover(graph, everything.left, query.budget)
        log.info("%d balls of radius %.3f cover %.1f %%", query.budget, radius, 100 * covered)
        return Picks(everything.ids[picked], scores)


def pure_radius(X: NDArray[np.float32], assigned: NDArray[np.int64], purity: float) -> float:
    """The largest radius of open balls of which a share ``purity`` holds one cluster alone.

    Args:
        X: float32 [n, dim], rows of length 1.
        assigned: int64 [n], cluster of each row, from 0 on.
        purity: in (0, 1].

    Returns:
        The radius; infinity where there is just one cluster.
    """
    rows = members(assigned)
    X = X[np.concatenate(rows)]
    ends = np.cumsum([len(of_cluster) for of_cluster in rows])
    # Highest cosine to a row of another cluster. With the clusters one after the other, each pair
    # of rows of different clusters is looked at once.
    highest = np.full(len(X), -np.inf, dtype=np.float32)
    progress = Progress("radius: images compared", len(X))
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        for block in blocks(start, end, len(X) - end):
            if end < len(X):
                cosines = X[block] @ X[end:].T
                np.maximum(highest[block], cosines.max(axis=1), out=highest[block])
                np.maximum(highest[end:], cosines.max(axis=0), out=highest[end:])
            progress.advance(block.stop - block.start)
    apart = np.sort(np.sqrt(np.maximum(2 - 2 * highest.astype(np.float64), 0)))
    impure = len(X) - int(np.ceil(purity * len(X) - 1e-9))
    return float(apart[impure])


def neighbour_radius(X: NDArray[np.float32], assigned: NDArray[np.int64], purity: float) -> float:
    """The largest radius at which enough of an image's neighbours are of its cluster, on average.

    Args:
        X: float32 [n, dim], rows of length 1, in random order: balls are looked at around the first
            ``ANCHORS``.
        assigned: int64 [n], cluster of each row, from 0 on.
        purity: in (0, 1].

    Returns:
        The largest of ``RADII`` radii; the smallest at which there are neighbours, if none is pure
        enough.
    """
    anchors = min(ANCHORS, len(X))
    shares, counts = np.zeros(RADII + 1), np.zeros(RADII + 1)
    for block in blocks(0, anchors, len(X)):
        apart = distances_within(X, block, np.inf)
        step = np.minimum(np.ceil(apart * (RADII / 2)), RADII + 1).astype(np.intp)
        same = assigned[block, None] == assigned
        row = np.arange(len(step))[:, None] * (RADII + 2)
        shape = (len(step), RADII + 2)
        near, alike = (
            np.bincount((row + step).ravel(), weights, row.size * (RADII + 2)).reshape(shape)
            for weights in (None, same.ravel())
        )
        near, alike = (found.cumsum(axis=1)[:, : RADII + 1] for found in (near, alike))
        shares += np.where(near > 0, alike / np.maximum(near, 1), 0).sum(axis=0)
        counts += (near > 0).sum(axis=0)
    some = np.flatnonzero(counts)
    pure = some[shares[some] >= purity * counts[some]]
    return 2 / RADII * float(pure[-1] if len(pure) else some[0] if len(some) else RADII)


def balls(X: NDArray[np.float32], radius: float) -> Graph:
    """The rows nearer than ``radius`` to each row.

    Args:
        X: float32 [n, dim], rows of length 1.
        radius: Euclidean.

    Raises:
        ColdstartError: if there are more than ``EDGES`` in all.
    """
    graph: Graph = []
    edges = 0
    progress = Progress("balls", len(X))
    for block in blocks(0, len(X), len(X)):
        near = X[block] @ X.T > 1 - radius**2 / 2
        near[np.arange(len(near)), np.arange(block.start, block.stop)] = True
        sizes = np.count_nonzero(near, axis=1)
        edges += int(sizes.sum())
        if edges > EDGES:
            raise ColdstartError(
                f"sampler `prob-cover`: balls of radius {radius:.3g} around {len(X)} images hold "
                f"more than {EDGES} images in all, which do not fit into memory; set a smaller "
                "`radius` in workflow/recipes/samplers.yaml, or more `clusters`"
            )
        columns = (np.flatnonzero(near) % len(X)).astype(np.int32)
        graph += np.split(columns, np.cumsum(sizes)[:-1])
        progress.advance(len(near))
    return graph


def max_cover(
    graph: Graph, left: NDArray[np.bool_], budget: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], float]:
    """Pick the row that covers the most, remove what it covers, and so on.

    Args:
        graph: symmetric.
        left: bool [n], which rows may be picked; what the others cover is covered from the start.
        budget: how many to pick.

    Returns:
        The rows, intp [budget]; how many each newly covers, float64 [budget]; and the share of all
        rows that is covered in the end.
    """
    sizes = np.array([len(ball) for ball in graph])
    gains = sizes.copy()
    covered = np.zeros(len(graph), dtype=bool)

    def cover(row: int) -> None:
        new = graph[row][~covered[graph[row]]]
        covered[new] = True
        # Each edge is followed once in all, when the row that it leads to is covered.
        for part in in_parts(new, sizes[new]):
            near = np.concatenate([graph[of_part] for of_part in part])
            np.subtract(gains, np.bincount(near, minlength=len(gains)), out=gains)

    for row in np.flatnonzero(~left):
        cover(int(row))
    free = left.copy()
    picked = np.empty(budget, dtype=np.intp)
    scores = np.empty(budget)
    for turn in range(budget):
        picked[turn] = row = np.where(free, gains, np.iinfo(gains.dtype).min).argmax()
        scores[turn] = gains[row]
        free[row] = False
        cover(int(row))
    return picked, scores, float(covered.mean())
