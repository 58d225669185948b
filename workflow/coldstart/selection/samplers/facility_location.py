"""Facility location: the images that all others are most similar to, by lazy greedy."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.progress import Progress
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.similarity import BLOCK, blocks, in_parts, unit_rows

FIRST = 16
"""Candidates that are looked at together; twice as many each time that these do not suffice."""
TIE = 1e-5
"""Gains that differ by less than this share of them are the same."""
PAIRS = 2**27
"""Pairs of images that fit into memory, at 8 bytes each, and at worst twice."""
SAMPLE = 256
"""Candidates from which their number is estimated."""


class FacilityLocation(Sampler):
    """Greedy maximisation of the facility location function (Krause & Golovin 2014, section 1.1).

    The function is the sum, over all images, of the similarity to the nearest image that is
    labelled or picked. The similarity is ``(1 + cosine) / 2``, which is never negative, so that the
    function is monotone and submodular, and greedy picks reach ``1 - 1/e`` of the best possible.
    The score is what a pick adds to the sum; it never rises.

    Picks are those of plain greedy; of several whose gains differ by rounding alone, as do those of
    two images that are nearest to each other, the lowest id. At first, only candidates whose gain
    at an earlier look could still be the largest are looked at again (Minoux 1978: gains never
    rise). Once there are few pairs of images of which one is more similar to the other than all
    that is picked, they are kept, and all gains are brought up to date from them after each pick.
    """

    sampler: Literal["facility-location"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        known = np.flatnonzero(~everything.left)
        picked, gains = greedy(unit_rows(everything.embeddings), known, query.budget)
        return Picks(everything.ids[picked], gains / 2)


def greedy(
    X: NDArray[np.float32], known: NDArray[np.intp], budget: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Rows that add the most to the sum of each row's highest cosine to ``known`` or picked ones.

    Args:
        X: float32 [n, dim], rows of length 1.
        known: rows that are not picked, intp [m]; where there are none, cosines begin at -1.
        budget: how many to pick.

    Returns:
        The rows, intp [budget], and what each added, float64 [budget].
    """
    highest = np.full(len(X), -1.0, dtype=np.float32)
    for block in blocks(0, len(known), len(X)):
        np.maximum(highest, (X[known[block]] @ X.T).max(axis=0), out=highest)
    # Before anything is picked, a gain is the sum of a row of cosines; later it is no more.
    gains = len(X) + X @ X.sum(axis=0, dtype=np.float64)
    gains[known] = -np.inf
    exact = np.full(len(X), not len(known))
    nearer: Nearer | None = None
    picked = np.empty(budget, dtype=np.intp)
    scores = np.empty(budget)
    progress = Progress("facility location", budget)
    for turn in range(budget):
        if nearer is None and _pairs(X, highest) <= PAIRS:
            nearer = Nearer(X, highest)
            gains = np.where(np.isfinite(gains), nearer.gains, -np.inf)
            exact[:] = True
        picked[turn] = row = _best(X, highest, gains, exact)
        scores[turn] = gains[row]
        gains[row] = -np.inf
        risen = np.maximum(highest, X @ X[row])
        if nearer is None:
            exact[:] = False
        else:
            gains -= nearer.lost(highest, risen)
        highest = risen
        progress.advance()
    return picked, scores


def _best(
    X: NDArray[np.float32],
    highest: NDArray[np.float32],
    gains: NDArray[np.float64],
    exact: NDArray[np.bool_],
) -> int:
    """The row with the largest gain; gains that are not ``exact`` are made so where they matter."""
    count = FIRST
    while True:
        largest = np.where(exact, gains, -np.inf).max()
        enough = largest * (1 - TIE)
        stale = np.flatnonzero(~exact & (gains >= enough) & (gains > 0))
        if not len(stale):
            return int(np.argmax(exact & (gains >= enough)) if largest >= 0 else gains.argmax())
        if count < len(stale):
            stale = stale[np.argpartition(-gains[stale], count)[:count]]
        gains[stale] = _gains(X, highest, stale)
        exact[stale] = True
        count = min(2 * count, max(1, BLOCK // len(X)))


def _gains(
    X: NDArray[np.float32], highest: NDArray[np.float32], rows: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return what each of ``rows`` would add to the sum of highest cosines: float32 [m]."""
    cosines = X[rows] @ X.T
    cosines -= highest
    np.maximum(cosines, 0, out=cosines)
    gains: NDArray[np.float32] = cosines.sum(axis=1)
    return gains


def _pairs(X: NDArray[np.float32], highest: NDArray[np.float32]) -> float:
    """About how many pairs of rows have a cosine above the first one's ``highest``."""
    if len(X) ** 2 <= PAIRS:
        return len(X) ** 2
    sample = X[:: max(1, len(X) // SAMPLE)]
    return np.count_nonzero(sample @ X.T > highest) / len(sample) * len(X)


class Nearer:
    """For each row, those whose cosine to it is above ``highest``, and what all gain by them.

    Args:
        X: float32 [n, dim], rows of length 1.
        highest: float32 [n].

    Attributes:
        gains: float64 [n], what each row would add to the sum of highest cosines.
    """

    def __init__(self, X: NDArray[np.float32], highest: NDArray[np.float32]) -> None:
        self.gains = np.zeros(len(X))
        self._columns: list[NDArray[np.int32]] = []
        self._cosines: list[NDArray[np.float32]] = []
        progress = Progress("facility location: images compared", len(X))
        for block in blocks(0, len(X), len(X)):
            cosines = X[block] @ X.T
            above = cosines > highest[block, None]
            sizes = np.count_nonzero(above, axis=1)
            columns = (np.flatnonzero(above) % len(X)).astype(np.int32)
            values = cosines[above]
            rises = np.subtract(values, np.repeat(highest[block], sizes), dtype=np.float64)
            self.gains += np.bincount(columns, rises, minlength=len(X))
            ends = np.cumsum(sizes)[:-1]
            self._columns += np.split(columns, ends)
            self._cosines += np.split(values, ends)
            progress.advance(len(cosines))

    def lost(self, before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
        """By how much gains fall, float64 [n], when highest cosines rise; both float32 [n]."""
        fall = np.zeros(len(before))
        rows = np.flatnonzero(after > before)
        sizes = np.array([len(self._columns[row]) for row in rows], dtype=np.intp)
        rows, sizes = rows[sizes > 0], sizes[sizes > 0]
        for part in in_parts(np.arange(len(rows)), sizes):
            columns = np.concatenate([self._columns[row] for row in rows[part]])
            cosines = np.concatenate([self._cosines[row] for row in rows[part]])
            new = np.repeat(after[rows[part]], sizes[part])
            old = np.repeat(before[rows[part]], sizes[part])
            rises = np.subtract(np.minimum(cosines, new), old, dtype=np.float64)
            fall += np.bincount(columns, rises, minlength=len(fall))
            above = cosines > new
            kept = np.add.reduceat(above, np.cumsum(sizes[part]) - sizes[part], dtype=np.intp)
            ends = np.cumsum(kept)[:-1]
            pieces = np.split(columns[above], ends), np.split(cosines[above], ends)
            for row, of_row, values in zip(rows[part], *pieces, strict=True):
                self._columns[row], self._cosines[row] = of_row, values
        return fall
