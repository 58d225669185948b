"""The answer of a model that is asked about images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Answer:
    """One model's tables for n images.

    Attributes:
        votes: the probability of each class in each pass, float64 [passes, n, classes].
        embeddings: float32 [n, dim], where they were asked for.
    """

    votes: NDArray[np.float64]
    embeddings: NDArray[np.float32] | None = None
