"""The candidates of which a classifier is least sure."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from coldstart.selection.base import Picks, Query, Sampler

Measure = Literal["least-confidence", "margin", "entropy"]


class Uncertainty(Sampler):
    """Highest uncertainty first, one image independent of the next (Settles 2009, section 3.1)."""

    sampler: Literal["uncertainty"]
    measure: Measure

    reads: ClassVar = frozenset({"predictions"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        values = uncertainty(query.candidates.predictions, self.measure)
        picked = np.argsort(-values, kind="stable")[: query.budget]
        return Picks(query.candidates.ids[picked], values[picked])


def uncertainty(probabilities: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    """Uncertainty of each prediction, 0 where one class has all probability: float64 [n].

    Args:
        probabilities: of each class for each image, [n, classes].
        measure: ``least-confidence`` is 1 - p of the likeliest class, ``margin`` 1 - (p of the
            likeliest - p of the second), ``entropy`` that of the prediction in nats.
    """
    values: NDArray[np.float64]
    if measure == "entropy":
        values = entr(probabilities).sum(axis=1)
        return values
    second, likeliest = np.partition(probabilities, -2, axis=1)[:, -2:].T
    values = likeliest if measure == "least-confidence" else likeliest - second
    return 1 - values
