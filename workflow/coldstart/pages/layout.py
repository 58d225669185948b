"""Places on a map for images beyond those that t-SNE laid out."""

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3
"""Images that were laid out, between which another is placed."""


def place_others(
    embeddings: NDArray[np.float32],
    laid_out: NDArray[np.int64],
    places: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Place each image that was not laid out between its nearest neighbours that were.

    Its place is the mean of theirs, weighted by the inverse of the distance. t-SNE of 50,000 images
    takes minutes; of 5,000, with the others between them, seconds.

    Args:
        embeddings: of all images, float32 [n, dim].
        laid_out: rows of those that have a place, int64 [m].
        places: these, float32 [m, 2].

    Returns:
        The places of all, float32 [n, 2].
    """
    from sklearn.neighbors import NearestNeighbors

    found = np.empty((len(embeddings), 2), dtype=np.float32)
    found[laid_out] = places
    others = np.setdiff1d(np.arange(len(embeddings)), laid_out)
    if len(others):
        count = min(NEIGHBOURS, len(laid_out))
        nearest = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(embeddings[laid_out])
        distances, rows = nearest.kneighbors(embeddings[others])
        weights = 1.0 / np.maximum(distances, 1e-12)
        weights /= weights.sum(axis=1, keepdims=True)
        found[others] = (places[rows] * weights[..., None]).sum(axis=1)
    return found
