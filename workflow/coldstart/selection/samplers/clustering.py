"""Clusters of embeddings, and seeds for them."""

import numpy as np
from numpy.typing import NDArray

MINI_BATCH = 5000
"""Rows that one step of mini-batch k-means sees."""
FEW = 50
"""Up to so many clusters, k-means goes through all rows in each of its steps."""


def k_means(
    X: NDArray[np.float32], clusters: int, rng: np.random.Generator, restarts: int = 1
) -> NDArray[np.int64]:
    """k-means, from seeds by k-means++: the cluster of each row, numbered from 0 without gaps.

    Args:
        X: float32 [n, dim].
        clusters: how many; fewer where fewer rows differ.
        rng: the only source of randomness.
        restarts: runs from as many starts; the best one counts.

    Returns:
        int64 [n].
    """
    import sklearn.cluster

    model = sklearn.cluster.KMeans(
        n_clusters=min(clusters, distinct_rows(X)),
        n_init=restarts,
        random_state=int(rng.integers(2**31)),
    )
    return _without_gaps(model.fit_predict(X))


def many_means(
    X: NDArray[np.float32], clusters: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """``k_means`` up to ``FEW`` clusters; above, mini-batch k-means (Sculley 2010), much faster.

    Hacohen et al. 2022 change over at the same number of clusters.
    """
    import sklearn.cluster

    if clusters <= FEW:
        return k_means(X, clusters, rng)
    model = sklearn.cluster.MiniBatchKMeans(
        n_clusters=min(clusters, distinct_rows(X)),
        batch_size=MINI_BATCH,
        n_init=1,
        random_state=int(rng.integers(2**31)),
    )
    return _without_gaps(model.fit_predict(X))


def distinct_rows(X: NDArray[np.float32]) -> int:
    """The number of different rows, by their bytes: sorting 50,000 rows of 1,280 takes seconds."""
    return len({row.tobytes() for row in X + np.float32(0)})  # 0 is -0, as numbers are compared


def _without_gaps(assigned: NDArray[np.int32]) -> NDArray[np.int64]:
    numbered: NDArray[np.int64] = np.unique(assigned, return_inverse=True)[1]
    return numbered


def members(assigned: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Rows of each cluster, in their order; ``assigned`` is int64 [n], from 0 on."""
    order = np.argsort(assigned, kind="stable")
    return np.split(order, np.cumsum(np.bincount(assigned))[:-1])


def k_means_plus_plus(
    X: NDArray[np.float32],
    nearest: NDArray[np.float32],
    count: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Draw rows with odds by squared distance (Arthur & Vassilvitskii 2007, section 2.2).

    Each row is drawn with a probability in proportion to its squared Euclidean distance to the
    nearest row that was drawn before it, and uniformly where all those distances are nought or
    infinite, as before the first draw.

    Args:
        X: float32 [n, dim]; the nearer to the origin, the less is lost to rounding.
        nearest: float32 [n], squared distances to the nearest centre that is there already;
            infinite where there is none.
        count: how many to draw.
        rng: the only source of randomness.

    Returns:
        The rows, intp [count], and the squared distance of each when it was drawn, float64 [count].
    """
    norms = np.einsum("nd,nd->n", X, X)
    nearest = nearest.copy()
    free = np.ones(len(X), dtype=bool)
    drawn = np.empty(count, dtype=np.intp)
    distances = np.empty(count)
    for turn in range(count):
        weights = np.where(free, nearest, 0.0).astype(np.float64)
        if not 0 < weights.sum() < np.inf:
            weights = free.astype(np.float64)
        summed = np.cumsum(weights)
        row = int(np.searchsorted(summed, rng.random() * summed[-1], side="right"))
        drawn[turn], distances[turn] = row, nearest[row]
        free[row] = False
        # ||x - c||^2 expanded: one matrix-vector product a draw is all the work there is.
        np.minimum(nearest, norms + norms[row] - 2 * (X @ X[row]), out=nearest)
        np.maximum(nearest, 0.0, out=nearest)
    return drawn, distances
