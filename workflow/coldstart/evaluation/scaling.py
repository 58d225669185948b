"""Standardised embeddings, for learners whose penalty treats all features alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Labelled:
    """Embeddings of images with their labels, which only the evaluation may read.

    Attributes:
        ids: int64 [n].
        features: float32 [n, dim].
        labels: int64 [n].
    """

    ids: NDArray[np.int64]
    features: NDArray[np.float32]
    labels: NDArray[np.int64]


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


def standardised(candidates: Labelled, test: Labelled) -> tuple[Labelled, Labelled]:
    """Return both with mean 0 and variance 1 over the candidates; constant features become 0."""
    mean, scale = scaling(candidates.features)
    return (
        Labelled(candidates.ids, (candidates.features - mean) * scale, candidates.labels),
        Labelled(test.ids, (test.features - mean) * scale, test.labels),
    )
