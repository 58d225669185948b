"""Distances between embeddings."""

import numpy as np
from numpy.typing import NDArray

CHUNK = 2**22
"""Number of distances that are in memory at once."""


def squared(points: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the squared distance of each point to its partner, without cancellation: float64 [n].

    The result for a pair does not depend on the other pairs, not even in its last bit.

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
    """Return the squared Euclidean distance of each point to its nearest centre: float32 [n].

    Args:
        points: float32 [n, dim]; rounding errors grow with the distance from the origin.
        centres: float32 [m, dim], at least one.
    """
    norms = np.einsum("md,md->m", centres, centres)
    found = np.empty(len(points), dtype=np.float32)
    step = max(1, CHUNK // len(centres))
    for start in range(0, len(points), step):
        part = points[start : start + step]
        # ||x - c||^2 = ||x||^2 - 2 x c + ||c||^2 needs one matrix product.
        products = norms - 2 * (part @ centres.T)
        found[start : start + step] = products.min(axis=1) + np.einsum("nd,nd->n", part, part)
    return np.maximum(found, 0.0)


def unit_rows(X: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of Euclidean length 1, in a new array [n, dim]; rows of nought stay."""
    lengths = np.sqrt(np.einsum("nd,nd->n", X, X))
    rows: NDArray[np.float32] = X / np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
    return rows
