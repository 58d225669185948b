"""Greedy maximisation of how similar all rows are to the picked ones, by lazy evaluation."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from coldstart.common.progress import Progress
from coldstart.selection.samplers.similarity import BLOCK, blocks, in_parts

FIRST = 16
"""Candidates that are looked at together; twice as many each time that these do not suffice."""
TIE = 1e-5
"""Gains that differ by less than this share of them are the same."""
PAIRS = 2**27
"""Pairs of images that fit into memory, at 8 bytes each, and at worst twice."""
SAMPLE = 256
"""Candidates from which their number is estimated."""


class Similarity(ABC):
    """A similarity of rows of length 1 that rises with their cosine."""

    lowest: float
    """Similarity to nothing, from which sums begin."""

    @abstractmethod
    def of(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn cosines into similarities, in place or not: float32 of the same shape."""

    def between(self, X: NDArray[np.float32], Y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Similarities of all rows of ``X`` [n, dim] to all of ``Y`` [m, dim]: float32 [n, m]."""
        return self.of(X @ Y.T)

    def sums(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of each row's similarities to all rows, above the lowest: float64 [n]."""
        found = np.empty(len(X))
        progress = Progress("similarities: images compared", len(X))
        for block in blocks(0, len(X), len(X)):
            found[block] = self.between(X[block], X).sum(axis=1, dtype=np.float64)
            progress.advance(block.stop - block.start)
        return found - self.lowest * len(X)


class Cosine(Similarity):
    """The cosine itself."""

    lowest = -1.0

    def of(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosines."""
        return cosines

    def sums(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """The sum of each row's cosines to all rows, above -1: one product is all it takes."""
        found: NDArray[np.float64] = len(X) + X @ X.sum(axis=0, dtype=np.float64)
        return found


class Gaussian(Similarity):
    """The Gaussian kernel ``exp(-(distance / bandwidth)^2)`` of the Euclidean distance.

    Args:
        bandwidth: in the unit of the distance, which is 2 at most.
    """

    lowest = 0.0

    def __init__(self, bandwidth: float) -> None:
        self.factor = np.float32(2 / bandwidth**2)

    def of(self, cosines: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn cosines c into exp((2 c - 2) / bandwidth^2), in place."""
        cosines -= 1
        cosines *= self.factor
        return np.exp(cosines, out=cosines)


def greedy(
    X: NDArray[np.float32],
    known: NDArray[np.intp],
    budget: int,
    similarity: Similarity,
    what: str,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Rows that add most to the sum of each row's highest similarity to ``known`` or picked ones.

    At first, only rows whose gain at an earlier look could still be the largest are looked at again
    (Minoux 1978: gains never rise). Once there are few pairs of rows of which one is more similar
    to the other than all that is picked, they are kept, and all gains are brought up to date from
    them after each pick.

    Args:
        X: float32 [n, dim], rows of length 1.
        known: rows that are not picked, intp [m]; where there are none, sums begin at the lowest
            similarity.
        budget: how many to pick.
        similarity: of two rows.
        what: names the sampler where progress is shown.

    Returns:
        The rows, intp [budget], and what each added, float64 [budget].
    """
    highest = np.full(len(X), similarity.lowest, dtype=np.float32)
    for block in blocks(0, len(known), len(X)):
        np.maximum(highest, similarity.between(X[known[block]], X).max(axis=0), out=highest)
    # Before anything is picked, a gain is the sum of a row of similarities; later it is no more.
    gains = similarity.sums(X)
    gains[known] = -np.inf
    exact = np.full(len(X), not len(known))
    nearer: Nearer | None = None
    picked = np.empty(budget, dtype=np.intp)
    scores = np.empty(budget)
    progress = Progress(what, budget)
    for turn in range(budget):
        if nearer is None and _pairs(X, highest, similarity) <= PAIRS:
            nearer = Nearer(X, highest, similarity, what)
            gains = np.where(np.isfinite(gains), nearer.gains, -np.inf)
            exact[:] = True
        picked[turn] = row = _best(X, highest, gains, exact, similarity)
        scores[turn] = gains[row]
        gains[row] = -np.inf
        risen = np.maximum(highest, similarity.between(X[row : row + 1], X)[0])
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
    similarity: Similarity,
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
        gains[stale] = _gains(X, highest, stale, similarity)
        exact[stale] = True
        count = min(2 * count, max(1, BLOCK // len(X)))


def _gains(
    X: NDArray[np.float32],
    highest: NDArray[np.float32],
    rows: NDArray[np.intp],
    similarity: Similarity,
) -> NDArray[np.float32]:
    """Return what each of ``rows`` would add to the sum of highest similarities: float32 [m]."""
    found = similarity.between(X[rows], X)
    found -= highest
    np.maximum(found, 0, out=found)
    gains: NDArray[np.float32] = found.sum(axis=1)
    return gains


def _pairs(X: NDArray[np.float32], highest: NDArray[np.float32], similarity: Similarity) -> float:
    """About how many pairs of rows are more similar than the first one's ``highest``."""
    if len(X) ** 2 <= PAIRS:
        return len(X) ** 2
    sample = X[:: max(1, len(X) // SAMPLE)]
    return np.count_nonzero(similarity.between(sample, X) > highest) / len(sample) * len(X)


class Nearer:
    """For each row, those whose similarity to it is above ``highest``, and what all gain by them.

    Args:
        X: float32 [n, dim], rows of length 1.
        highest: float32 [n].
        similarity: of two rows.
        what: names the sampler where progress is shown.

    Attributes:
        gains: float64 [n], what each row would add to the sum of highest similarities.
    """

    def __init__(
        self,
        X: NDArray[np.float32],
        highest: NDArray[np.float32],
        similarity: Similarity,
        what: str,
    ) -> None:
        self.gains = np.zeros(len(X))
        self._columns: list[NDArray[np.int32]] = []
        self._values: list[NDArray[np.float32]] = []
        progress = Progress(f"{what}: images compared", len(X))
        for block in blocks(0, len(X), len(X)):
            found = similarity.between(X[block], X)
            above = found > highest[block, None]
            sizes = np.count_nonzero(above, axis=1)
            columns = (np.flatnonzero(above) % len(X)).astype(np.int32)
            values = found[above]
            rises = np.subtract(values, np.repeat(highest[block], sizes), dtype=np.float64)
            self.gains += np.bincount(columns, rises, minlength=len(X))
            ends = np.cumsum(sizes)[:-1]
            self._columns += np.split(columns, ends)
            self._values += np.split(values, ends)
            progress.advance(len(found))

    def lost(self, before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float64]:
        """By how much gains fall, float64 [n], when the highest rise; both float32 [n]."""
        fall = np.zeros(len(before))
        rows = np.flatnonzero(after > before)
        sizes = np.array([len(self._columns[row]) for row in rows], dtype=np.intp)
        rows, sizes = rows[sizes > 0], sizes[sizes > 0]
        for part in in_parts(np.arange(len(rows)), sizes):
            columns = np.concatenate([self._columns[row] for row in rows[part]])
            values = np.concatenate([self._values[row] for row in rows[part]])
            new = np.repeat(after[rows[part]], sizes[part])
            old = np.repeat(before[rows[part]], sizes[part])
            rises = np.subtract(np.minimum(values, new), old, dtype=np.float64)
            fall += np.bincount(columns, rises, minlength=len(fall))
            above = values > new
            kept = np.add.reduceat(above, np.cumsum(sizes[part]) - sizes[part], dtype=np.intp)
            ends = np.cumsum(kept)[:-1]
            pieces = np.split(columns[above], ends), np.split(values[above], ends)
            for row, of_row, kept_values in zip(rows[part], *pieces, strict=True):
                self._columns[row], self._values[row] = of_row, kept_values
        return fall
