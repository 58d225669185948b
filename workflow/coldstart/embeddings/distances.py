"""Distances between embeddings."""

import numpy as np
from numpy.typing import NDArray

CHUNK = 2**22
"""Number of distances in memory at a time."""


def squared(points: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared Euclidean distance of each point to its partner, without cancellation: float64 [n].

    A pair has the same distance, to the last bit, whatever other pairs there are.

    Args:
        points: float32 [n, dim].
        others: float32 [n, dim].
    """
    differences = points.astype(np.float64) - others
    np.square(differences, out=differences)
    sums: NDArray[np.float64] = differences.sum(axis=1)
    return sums


def squared_to_nearest(
    points: NDArray[np.float32], centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Squared Euclidean distance of each point to the centre nearest to it: float32 [n].

    Args:
        points: float32 [n, dim]; the nearer to the origin, the less is lost to rounding.
        centres: float32 [m, dim], at least one.
    """
    norms = np.einsum("md,md->m", centres, centres)
    found = np.empty(len(points), dtype=np.float32)
    step = max(1, CHUNK // len(centres))
    for start in range(0, len(points), step):
        part = points[start : start + step]
        # ||x - c||^2 expanded: one matrix product.
        products = norms - 2 * (part @ centres.T)
        found[start : start + step] = products.min(axis=1) + np.einsum("nd,nd->n", part, part)
    return np.maximum(found, 0.0)


def unit_rows(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of Euclidean length 1, in a new array [n, dim]; rows of nought stay."""
    lengths = np.sqrt(np.einsum("nd,nd->n", X, X))
    rows: NDArray[np.float32] = X / np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
    return rows
