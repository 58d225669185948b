"""Weibull distributions of the largest distances, by which further ones are judged outlying."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EQUAL = 1e-9
"""Distances of a tail that differ by no more than this count as equal: no shape fits them."""


@dataclass(frozen=True)
class Weibull:
    """A Weibull distribution of t = x + 1 - ``smallest``, where x is a distance.

    Attributes:
        smallest: smallest distance of the tail that was fitted; t is 1 there.
        scale: scale parameter, in the unit of t.
        shape: shape parameter, without a unit.
    """

    smallest: float
    scale: float
    shape: float

    def probabilities(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return 1 - exp(-(t / scale)^shape), the cumulative probabilities: float64 [n].

        They are 0 where t is negative. Large distances all have probability 1 in float64, so
        ``outlying`` orders them instead.
        """
        t = np.maximum(distances + 1 - self.smallest, 0)
        found: NDArray[np.float64] = -np.expm1(-((t / self.scale) ** self.shape))
        return found

    def outlying(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log(-log(1 - p)) of the probabilities p, or shape log(t / scale): float64 [n].

        It grows with the probability, and still grows where p is 1 in float64. It is minus infinity
        where t is not positive.
        """
        t = np.maximum(distances + 1 - self.smallest, 0)
        with np.errstate(divide="ignore"):
            found: NDArray[np.float64] = self.shape * np.log(t / self.scale)
        return found


def fit_tail(distances: NDArray[np.float64], size: int) -> Weibull | None:
    """Fit a Weibull distribution to the largest distances, by maximum likelihood.

    The distances are first shifted so that the smallest of the tail is 1, as in ``fit_high`` of
    libmr, the library that open-set recognition fits tails with (Scheirer et al. 2011). The fit
    therefore depends on the unit of the distances.

    Args:
        distances: finite distances, float64 [n].
        size: number of largest distances that make up the tail.

    Returns:
        Weibull | None: None if the tail has fewer than two distances, or if they are all equal:
            the likelihood has no maximum then.
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
        """Minus the derivative of the mean log profile likelihood by the shape; it increases."""
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
