"""The health of clusters, measured without any label."""

import numpy as np
from numpy.typing import NDArray


def cluster_sizes(probabilities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of images that have each cluster as their most probable one: int64 [K].

    Args:
        probabilities: of each cluster for each image, [n, K].
    """
    return np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1])


def cluster_health(probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Describe clusters.

    Args:
        probabilities: of each cluster for each image, [n, K].

    Returns:
        ``empty_clusters``: how many are no image's most probable one. ``size_entropy``: entropy of
        the clusters' sizes in nats, log K where all are of one size and nought where one has all.
        ``confidence``: an image's largest probability, averaged over images.
    """
    shares = cluster_sizes(probabilities) / len(probabilities)
    used = shares[shares > 0]
    return {
        "empty_clusters": float(len(shares) - len(used)),
        "size_entropy": float(-(used * np.log(used)).sum()),
        "confidence": float(probabilities.max(axis=1).mean()),
    }
