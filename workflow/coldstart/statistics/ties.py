"""Ties of values that were computed in different orders.

Means of equal counts differ in their last bits: (1/3 + 2/3) / 2 is not (1/2 + 1/2) / 2 in float64.
Rounding does not mend that, because two such values can lie on the two sides of a rounding
boundary. Values are therefore sorted, and neighbours within a tolerance are one value.
"""

from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TOLERANCE = 1e-12
"""Relative to the largest value. Sums of a million float64 values err by less; accuracies that
differ by one hit differ by more."""


@overload
def tie(values: pd.Series) -> pd.Series: ...
@overload
def tie(values: NDArray[np.float64]) -> NDArray[np.float64]: ...
def tie(values: pd.Series | NDArray[np.float64]) -> pd.Series | NDArray[np.float64]:
    """Give values that are equal but for rounding errors one value, the smallest of them.

    Args:
        values: float64 [..., n], compared along the last axis; finite.
    """
    array = np.asarray(values, dtype=float)
    tied = _tie(array, TOLERANCE * np.abs(array).max(axis=-1, keepdims=True, initial=0.0))
    return pd.Series(tied, index=values.index) if isinstance(values, pd.Series) else tied


def subtract(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences, float64 [n], whose zeros and whose equal sizes are exactly equal.

    Args:
        first: float64 [n].
        second: float64 [n].
    """
    difference = first - second
    # The error is that of the values, however small their difference is.
    largest = max(np.abs(first).max(initial=0.0), np.abs(second).max(initial=0.0))
    sizes = _tie(np.append(np.abs(difference), 0.0), np.array([TOLERANCE * largest]))[:-1]
    return np.where(difference < 0, -sizes, sizes)


def average(values: NDArray[np.float64]) -> float:
    """Mean of differences, exactly 0 where it is nothing but rounding errors."""
    mean = float(values.mean())
    return mean if abs(mean) > TOLERANCE * np.abs(values).max() else 0.0


def exceeds(value: float, bound: float) -> bool:
    """Say if a value is above a bound by more than rounding errors."""
    return value - bound > TOLERANCE * max(abs(value), abs(bound))


def _tie(values: NDArray[np.float64], tolerance: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(values, axis=-1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=-1)
    starts = np.zeros(values.shape, dtype=np.intp)
    starts[..., 1:] = np.where(
        np.diff(ascending, axis=-1) > tolerance, np.arange(1, values.shape[-1]), 0
    )
    first = np.maximum.accumulate(starts, axis=-1)
    tied = np.empty_like(values)
    np.put_along_axis(tied, order, np.take_along_axis(ascending, first, axis=-1), axis=-1)
    return tied
