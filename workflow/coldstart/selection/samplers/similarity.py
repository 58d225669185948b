"""Cosines and distances between all rows of a table, a block at a time."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Index = TypeVar("Index", np.int32, np.int64)

BLOCK = 2**24
"""Entries of the matrix between all rows that are in memory at a time."""


def blocks(start: int, stop: int, columns: int) -> Iterator[slice]:
    """Cut rows ``start`` to ``stop`` so that a block of them by ``columns`` is within ``BLOCK``."""
    step = max(1, BLOCK // max(1, columns))
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


def in_parts(rows: NDArray[Index], sizes: NDArray[np.intp]) -> Iterator[NDArray[Index]]:
    """Cut ``rows`` so that the ``sizes`` of each part, [m], sum up to about ``BLOCK`` at most."""
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // BLOCK)) + 1
    yield from (part for part in np.split(rows, cuts) if len(part))


def distances(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances, float32 [n, m], of ``rows`` [n, dim] to ``others`` [m, dim]."""
    found = rows @ others.T
    found *= -2
    # ||x - y||^2 expanded: one matrix product, and all else in place.
    found += np.einsum("nd,nd->n", rows, rows)[:, None]
    found += np.einsum("md,md->m", others, others)
    np.maximum(found, 0, out=found)
    np.sqrt(found, out=found)
    return found


def distances_within(X: NDArray[np.float32], rows: slice, itself: float) -> NDArray[np.float32]:
    """Distances, float32 [m, n], of ``rows`` of ``X`` to all its rows; ``itself`` to themselves.

    That distance would be nought but for rounding, which its root makes large.
    """
    found = distances(X[rows], X)
    found[np.arange(len(found)), np.arange(rows.start, rows.stop)] = itself
    return found
