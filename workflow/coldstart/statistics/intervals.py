"""The interval of a mean over few blocks."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from coldstart.statistics import ALPHA

FEWEST = 3
"""Fewer values have no interval."""


def mean_interval(values: NDArray[np.float64], alpha: float = ALPHA) -> tuple[float, float]:
    """Student's t interval of a mean over independent values.

    It holds the true mean in 95 % of cases for normal values, however few there are, and in 88 %
    for three exponential ones. The percentile bootstrap misses the mean of three values in a
    quarter of cases or more.

    Args:
        values: float64 [n].
        alpha: probability of both tails together; the default gives the 95 % interval.

    Returns:
        The two ends; not a number for fewer than three values.
    """
    n = len(values)
    if n < FEWEST:
        return float("nan"), float("nan")
    half = float(t.isf(alpha / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    mean = float(values.mean())
    return mean - half, mean + half
