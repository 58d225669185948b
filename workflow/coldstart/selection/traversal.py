"""Farthest-first traversal: exact, with one look at all rows for many picks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coldstart.common.progress import Progress
from coldstart.embeddings.distances import CHUNK, squared

POOL = 1024
"""Rows that compete for the next picks at a time, at first."""
SETTLED = 16
"""Rows whose distances are computed without rounding at a time, at first."""
PART = 256
"""Rows of a pool whose old bounds are brought up to date at a time."""
BLOCK = 8192
"""Rows that are converted at a time."""
ROUNDING = 2.0**-24
"""The relative error of a float32 operation."""
TINY = float(np.finfo(np.float32).tiny)


def farthest_first(
    X: NDArray[np.float32], budget: int, centres: NDArray[np.float32], start: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Pick again and again the row farthest from its nearest centre, which makes it a centre.

    This is the greedy algorithm of Gonzalez (1985), as in Sener & Savarese (2018), Algorithm 1.
    Distances count as sums of squares in float64 of differences of the float32 numbers, so what is
    picked does not depend on how the work is divided; among equal distances the lowest row wins.

    No distance is computed before it can matter (Minoux 1978, the accelerated greedy algorithm):
    distances to the nearest centre only fall, so an old one is an upper bound. The rows with the
    largest bounds compete by themselves for as long as the best of them exceeds all other bounds.

    Args:
        X: float32 [n, dim], finite.
        budget: how many rows to pick, from 1 to n.
        centres: float32 [m, dim], the first centres, which may be none.
        start: the first row to pick, where there are no centres.

    Returns:
        The rows in order, [budget], and for each its distance to the nearest centre at its turn,
        float64 [budget], which never rises. That of the start is infinite.
    """
    return _Traversal(np.asarray(X, np.float32), budget, np.asarray(centres, np.float32)).run(start)


@dataclass
class _Pool:
    """The rows that compete.

    Attributes:
        rows: which they are, ascending, [size].
        points: float32 [size, dim + 1], these rows, centred and scaled, and a column of ones.
        norms: float64 [size], of the points, squared.
        upper: float64 [size], at least the squared distance to the nearest centre.
        exact: [size], whether it is that.
    """

    rows: NDArray[np.intp]
    points: NDArray[np.float32]
    norms: NDArray[np.float64]
    upper: NDArray[np.float64]
    exact: NDArray[np.bool_]

    def lower_to(self, bound: NDArray[np.float64], width: NDArray[np.float64]) -> None:
        """Take in distances to more centres: at most ``bound``, at least ``bound - width``."""
        self.exact &= bound - width >= self.upper
        np.minimum(self.upper, bound, out=self.upper)


class _Traversal:
    """Float32 products bound distances, and those that decide are computed without rounding.

    For rows x and c that are centred, ``(1 + e) (|x|^2 + |c|^2) - 2 x.c`` is an upper bound, and
    less ``2 e (|x|^2 + |c|^2)`` a lower one. The slack ``e`` covers every order of summation: dim +
    1 roundings in a product, dim in each norm, and those of centring.
    """

    def __init__(self, X: NDArray[np.float32], budget: int, centres: NDArray[np.float32]) -> None:
        n, dim = X.shape
        self.X, self.budget = X, budget
        self.shift, self.scale = _centring(X, centres)
        self.slack = 1.01 * (3 * dim + 8) * ROUNDING
        self.underflow = 8 * (dim + 1) * TINY
        self.upper = np.full(n, np.inf)  # as in a pool, of all rows; -1 where it is picked
        self.exact = np.zeros(n, dtype=bool)
        self.seen = np.zeros(n, dtype=np.intp)  # how many centres each row's bound knows
        self.count = 0  # centres
        self.centres = np.empty((len(centres) + budget, dim), dtype=np.float32)
        self.products = np.empty((len(centres) + budget, dim + 1), dtype=np.float32)
        self.norms = np.empty(len(centres) + budget)
        self.picked: list[int] = []
        self.radii: list[float] = []
        for first in range(0, len(centres), BLOCK):
            self._add(centres[first : first + BLOCK])

    def run(self, start: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        progress = Progress("farthest-first", self.budget)
        if not self.count:
            self._pick(start, np.inf)
            self._add(self.X[start : start + 1])
        self._look_at_all()
        progress.advance(len(self.picked))
        size = POOL
        while (before := len(self.picked)) < self.budget:
            self._compete(size)
            picks = len(self.picked) - before
            # Old bounds of many rows may hide how near they all are.
            size = POOL if picks else 2 * size
            if picks and self.radii[-1] == 0:  # then all that are left are where a centre is
                rest = np.flatnonzero(self.upper >= 0)[: self.budget - len(self.picked)]
                self.picked += rest.tolist()
                self.radii += [0.0] * len(rest)
            progress.advance(len(self.picked) - before)
        return np.array(self.picked), np.sqrt(self.radii) / self.scale

    def _compete(self, size: int) -> None:
        """Pick from the ``size`` rows with the largest bounds while one of them beats the rest."""
        rows, best, row = self._largest(size)
        pool = self._pool(rows)
        settled = SETTLED
        while len(self.picked) < self.budget:
            at = int(np.argmax(pool.upper))  # the first, and so the lowest row
            if pool.upper[at] < best or (pool.upper[at] == best and pool.rows[at] > row):
                break
            if not pool.exact[at]:
                self._settle(pool, settled)
                settled *= 2  # many in a row: they are alike
                continue
            settled = SETTLED
            self._pick(int(pool.rows[at]), float(pool.upper[at]))
            self._add(self.X[pool.rows[at], None])
            pool.lower_to(*self._bounds(pool.points, pool.norms, self.count - 1))
            pool.upper[at] = -1.0
        self.upper[rows], self.exact[rows], self.seen[rows] = pool.upper, pool.exact, self.count

    def _largest(self, size: int) -> tuple[NDArray[np.intp], float, int]:
        """The rows with the largest bounds, of equal ones the lowest; and the best of the rest.

        Returns:
            The rows, ascending; what no bound of another row exceeds; and the lowest of the other
            rows whose bound equals that.
        """
        n = len(self.upper)
        if size >= n - len(self.picked):
            return np.flatnonzero(self.upper >= 0), -1.0, n
        least = float(np.partition(self.upper, n - size)[n - size])
        above = np.flatnonzero(self.upper > least)
        equal = np.flatnonzero(self.upper == least)
        taken = size - len(above)
        row = int(equal[taken]) if taken < len(equal) else n
        return np.sort(np.concatenate([above, equal[:taken]])), least, row

    def _pool(self, rows: NDArray[np.intp]) -> _Pool:
        """These rows, with bounds that know all centres."""
        pool = _Pool(rows, *self._points(self.X[rows]), self.upper[rows], self.exact[rows])
        bound, width = np.full(len(rows), np.inf), np.zeros(len(rows))
        seen = self.seen[rows]
        order = np.argsort(seen, kind="stable")
        for first in range(0, len(rows), PART):
            part = order[first : first + PART]
            since = int(seen[part[0]])
            if since < self.count:
                bound[part], width[part] = self._bounds(pool.points[part], pool.norms[part], since)
        pool.lower_to(bound, width)
        return pool

    def _settle(self, pool: _Pool, number: int) -> None:
        """Compute the distances of the ``number`` rows with the largest bounds that are not exact.

        Only the centres that may be nearest count, and they are few unless there are ties.
        """
        pending = np.where(pool.exact, -1.0, pool.upper)
        number = min(number, len(pending), max(1, CHUNK // self.count))
        who = np.argpartition(pending, len(pending) - number)[len(pending) - number :]
        who = who[pending[who] >= 0]
        sums = pool.norms[who, None] + self.norms[: self.count]
        upper = (pool.points[who] @ self.products[: self.count].T) + (
            (1 + self.slack) * pool.norms[who, None]
        )
        lower = upper - 2 * (self.slack * sums + self.underflow)
        at, centre = np.nonzero(lower <= upper.min(axis=1, keepdims=True))
        squares = np.empty(len(at))
        step = max(1, CHUNK // self.X.shape[1])
        for first in range(0, len(at), step):
            part = slice(first, first + step)
            squares[part] = squared(self.X[pool.rows[who[at[part]]]], self.centres[centre[part]])
        nearest = np.minimum.reduceat(squares, np.searchsorted(at, np.arange(len(who))))
        pool.upper[who] = nearest * float(self.scale) ** 2
        pool.exact[who] = True

    def _look_at_all(self) -> None:
        for first in range(0, len(self.X), BLOCK):
            part = slice(first, first + BLOCK)
            self.upper[part] = self._bounds(*self._points(self.X[part]), 0)[0]
        self.upper[self.picked] = -1.0
        self.seen[:] = self.count

    def _bounds(
        self, points: NDArray[np.float32], norms: NDArray[np.float64], since: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound the squared distances to the nearest of the centres from number ``since`` on.

        Returns:
            An upper bound, and how far below it a lower one is, both float64 [n].
        """
        products = self.products[since : self.count]
        bound = (1 + self.slack) * norms + self.underflow
        step = max(1, CHUNK // len(products))
        for first in range(0, len(points), step):
            part = slice(first, first + step)
            bound[part] += (points[part] @ products.T).min(axis=1)
        farthest = self.norms[since : self.count].max()
        return bound, 2 * (self.slack * (norms + farthest) + self.underflow)

    def _points(self, rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Rows as a pool has them: centred and scaled, beside a column of ones; and their norms."""
        points = np.empty((len(rows), rows.shape[1] + 1), dtype=np.float32)
        values = points[:, :-1]
        np.subtract(rows, self.shift, out=values)
        values *= self.scale
        points[:, -1] = 1.0
        return points, np.einsum("nd,nd->n", values, values).astype(np.float64)

    def _pick(self, row: int, radius: float) -> None:
        self.picked.append(row)
        self.radii.append(radius)

    def _add(self, centres: NDArray[np.float32]) -> None:
        new = slice(self.count, self.count + len(centres))
        points, self.norms[new] = self._points(centres)
        self.centres[new] = centres
        self.products[new, :-1] = -2 * points[:, :-1]
        self.products[new, -1] = (1 + self.slack) * self.norms[new]
        self.count += len(centres)


def _centring(
    X: NDArray[np.float32], centres: NDArray[np.float32]
) -> tuple[NDArray[np.float32], np.float32]:
    """Return a shift and a scale of the rows, which make norms small, so that they round less.

    The mean, and a power of two, which rounds nothing: no square is too large or too small.
    """
    total = np.zeros(X.shape[1])
    low, high = np.full(X.shape[1], np.inf), np.full(X.shape[1], -np.inf)
    for rows in (X, centres):
        for first in range(0, len(rows), BLOCK):
            part = rows[first : first + BLOCK]
            if rows is X:
                total += part.sum(axis=0, dtype=np.float64)
            np.minimum(low, part.min(axis=0), out=low)
            np.maximum(high, part.max(axis=0), out=high)
    shift = (total / len(X)).astype(np.float32)
    exponent = int(np.frexp(np.maximum(high - shift, shift - low).max())[1])
    return shift, np.float32(2.0 ** -np.clip(exponent, -126, 126))
