"""Clusters of embeddings, by which people find their way among images."""

import warnings

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

MOST = 10
"""Number of clusters at most: people tell about as many colours apart."""
SIZE = 5
"""Least average number of images in a cluster; few images are put into fewer clusters."""


def cluster(embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the k-means cluster of each image, int64 [n]: numbered from 1, the largest first.

    The same embeddings give the same clusters, whatever the number of threads.

    Args:
        embeddings: float32 [n, dim].
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    clusters = min(MOST, -(-len(embeddings) // SIZE))
    # The rounding of sums depends on the number of threads, and could move an image that lies on
    # a border into another cluster.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # Equal images give fewer clusters than were asked for.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(clusters, n_init=3, random_state=0).fit_predict(embeddings)
    sizes = np.bincount(found, minlength=clusters)
    number = np.empty(clusters, dtype=np.int64)
    number[np.argsort(-sizes, kind="stable")] = np.arange(1, clusters + 1)
    numbers: NDArray[np.int64] = number[found]
    return numbers
