"""The upper tail of some distances as a Weibull distribution: how outlying is a further one?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EQUAL = 1e-9
"""Distances of a tail that differ by no more than this are all the same: no shape fits them."""


@dataclass(frozen=True)
class Weibull:
    """A Weibull distribution of distances x, by t = x + 1 - ``smallest``.

    Attributes:
        smallest: distance of the tail that it was fitted to; there t is 1.
        scale: of t.
        shape: without unit.
    """

    smallest: float
    scale: float
    shape: float

    def probabilities(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 - exp(-(t / scale)^shape), nought where t is below nought: float64 [n].

        Far out they are 1 for float64, and then many distances have the same one.
        """
        t = np.maximum(distances + 1 - self.smallest, 0)
        found: NDArray[np.float64] = -np.expm1(-((t / self.scale) ** self.shape))
        return found

    def outlying(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log(-log(1 - p)) of the probabilities p: shape log(t / scale), float64 [n].

        It rises with the probability, and goes on rising where that is 1. Where t is not above
        nought it is minus infinity.
        """
        t = np.maximum(distances + 1 - self.smallest, 0)
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = self.shape * np.log(t / self.scale)
        return found


def fit_tail(distances: NDArray[np.float64], size: int) -> Weibull | None:
    """Fit a Weibull distribution to the largest distances, by the exact maximum of its likelihood.

    The smallest of them is moved to 1 first, as libmr's ``fit_high`` does, by which open-set
    recognition fits its tails (Scheirer et al. 2011). So the fit depends on the distances' unit.

    Args:
        distances: finite, float64 [n].
        size: how many of the largest make the tail.

    Returns:
        Weibull | None: None if the tail has fewer than two distances, or they are all the same:
            no shape has the largest likelihood then.
    """
    from scipy.optimize import brentq  # slow to import, and planning imports this module

    tail = np.sort(distances)[-size:] if size > 0 else distances[:0]
    if len(tail) < 2 or tail[-1] - tail[0] <= EQUAL:
        return None
    smallest = float(tail[0])
    logs = np.log1p(tail - smallest)
    longest = logs.max()
    mean = logs.mean()

    def slope(shape: float) -> float:
        """The profile likelihood's derivative by the shape, up to a factor; it only rises."""
        weights = np.exp(shape * (logs - longest))
        return float(weights @ logs / weights.sum() - 1 / shape - mean)

    low, high = 1.0, 2.0
    while slope(low) > 0:
        low /= 2
    while slope(high) < 0:
        high *= 2
    shape = float(brentq(slope, low, high, xtol=1e-12, rtol=1e-14))
    powers = np.exp(shape * (logs - longest))
    return Weibull(smallest, float(np.exp(longest + np.log(powers.mean()) / shape)), shape)
