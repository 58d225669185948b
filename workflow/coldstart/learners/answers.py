"""The answer of a model that is asked about images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answer:
    """One model's tables for n images: those that were asked for.

    Attributes:
        predictions: the probability of each class in each pass, float64 [passes, n, classes].
        embeddings: float32 [n, dim].
        scores: float64 [n].
    """

    predictions: NDArray[np.float64] | None = None
    embeddings: NDArray[np.float32] | None = None
    scores: NDArray[np.float64] | None = None
