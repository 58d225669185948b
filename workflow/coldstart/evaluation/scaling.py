"""Standardised embeddings, for learners whose penalty treats all features alike."""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


def scaling(features: Features, standardise: bool = True) -> tuple[Features, Features]:
    """Return the shift and the factor of each feature: float32 [dim] each.

    Args:
        features: embeddings of the candidates, float32 [n, dim].
        standardise: bring them to mean 0 and variance 1, constant ones to 0; else leave them as
            they are.
    """
    if not standardise:
        dim = features.shape[1]
        return np.zeros(dim, dtype=np.float32), np.ones(dim, dtype=np.float32)
    mean, std = features.mean(axis=0), features.std(axis=0)
    scale = np.where(std > 0, 1 / np.maximum(std, 1e-12), 0).astype(np.float32)
    return mean, scale
