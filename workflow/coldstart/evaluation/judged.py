"""A learner as metrics see it: its predictions of the test images, and its labelled set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Judged:
    """Predictions of test images that belong to a class, and the labels that were bought.

    Attributes:
        probabilities: of each class for each test image, float64 [n, classes].
        labels: of the test images, int64 [n].
        bought: labels of the labelled set, int64 [m], OUTLIER for images that belong to no class:
            they cost a label, and teach the learner nothing.
    """

    probabilities: NDArray[np.float64]
    labels: NDArray[np.integer]
    bought: NDArray[np.integer]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.probabilities.shape[1])
