"""Facility location: the images that all others are most similar to, by lazy greedy."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.progress import Progress
from coldstart.selection.base import Picks, Sampler, Tables
from coldstart.selection.samplers.similarity import BLOCK, blocks, unit_rows

FIRST = 16
"""Candidates that are looked at together; twice as many each time that these do not suffice."""
TIE = 1e-5
"""Gains that differ by less than this share of them are the same."""


class FacilityLocation(Sampler):
    """Greedy maximisation of the facility location function (Krause & Golovin 2014, section 1.1).

    The function is the sum, over all images, of the similarity to the nearest image that is
    labelled or picked. The similarity is ``(1 + cosine) / 2``, which is never negative, so that the
    function is monotone and submodular, and greedy picks reach ``1 - 1/e`` of the best possible.
    The score is what a pick adds to the sum; it never rises.

    Picks are those of plain greedy; of several whose gains differ by rounding alone, as do those of
    two images that are nearest to each other, the lowest id. But only candidates whose gain at an
    earlier look could still be the largest are looked at again (Minoux 1978: gains never rise).
    """

    sampler: Literal["facility-location"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _query(
        self, tables: Tables, labelled: Tables, budget: int, rng: np.random.Generator
    ) -> Picks:
        everything = tables.merged(labelled)
        assert everything.embeddings is not None
        X = unit_rows(everything.embeddings)
        known = np.flatnonzero(~everything.left)
        highest = np.full(len(X), -1.0, dtype=np.float32)
        for block in blocks(0, len(known), len(X)):
            np.maximum(highest, (X[known[block]] @ X.T).max(axis=0), out=highest)
        # Before anything is picked, a gain is the sum of a row of similarities.
        bounds = (len(X) + X @ X.sum(axis=0, dtype=np.float64)) / 2
        bounds[known] = -np.inf
        looked_at = np.full(len(X), not len(known))
        picked = np.empty(budget, dtype=np.intp)
        scores = np.empty(budget)
        progress = Progress("facility location", budget)
        for turn in range(budget):
            picked[turn] = row = _best(X, highest, bounds, looked_at)
            scores[turn] = bounds[row]
            np.maximum(highest, X @ X[row], out=highest)
            bounds[row] = -np.inf
            looked_at[:] = False
            progress.advance()
        return Picks(everything.ids[picked], scores)


def _best(
    X: NDArray[np.float32],
    highest: NDArray[np.float32],
    bounds: NDArray[np.float64],
    looked_at: NDArray[np.bool_],
) -> int:
    """The row with the largest gain; ``bounds`` and ``looked_at`` are brought up to date."""
    count = FIRST
    while True:
        largest = np.where(looked_at, bounds, -np.inf).max()
        enough = largest * (1 - TIE)
        stale = np.flatnonzero(~looked_at & (bounds >= enough) & (bounds > 0))
        if not len(stale):
            return int(
                np.argmax(looked_at & (bounds >= enough)) if largest >= 0 else bounds.argmax()
            )
        if count < len(stale):
            stale = stale[np.argpartition(-bounds[stale], count)[:count]]
        bounds[stale] = _gains(X, highest, stale)
        looked_at[stale] = True
        count = min(2 * count, max(1, BLOCK // len(X)))


def _gains(
    X: NDArray[np.float32], highest: NDArray[np.float32], rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """What each of ``rows`` would add to the sum of similarities: float32 [m]."""
    cosines = X[rows] @ X.T
    cosines -= highest
    np.maximum(cosines, 0, out=cosines)
    gains: NDArray[np.float32] = cosines.sum(axis=1) / 2
    return gains
