"""Ranks over blocks and the tests of them: Friedman, Iman and Davenport, Nemenyi.

Names and equations follow Demsar, "Statistical comparisons of classifiers over multiple data sets",
JMLR 7 (2006), section 3.2.2.
"""

from dataclasses import dataclass
from math import factorial, prod, sqrt

import numpy as np
import pandas as pd
from scipy.stats import chi2, f, studentized_range

from coldstart.statistics import ALPHA
from coldstart.statistics.ties import tie


def rank(values: pd.DataFrame) -> pd.DataFrame:
    """Rank within each block, 1 is the highest value; ties share the average of their ranks.

    Values that are equal but for rounding errors are ties.

    Args:
        values: float64 [blocks, samplers].
    """
    tied = tie(values.to_numpy(dtype=float))
    return pd.DataFrame(tied, values.index, values.columns).rank(axis=1, ascending=False)


def average_ranks(ranks: pd.DataFrame) -> pd.Series:
    """Average the ranks of each sampler over blocks; equal averages are exactly equal.

    Args:
        ranks: float64 [blocks, samplers], as ``rank`` returns them.

    Returns:
        float64 [samplers], in their order.
    """
    return tie(ranks.mean())


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that samplers differ in rank.

    Attributes:
        blocks: their number.
        chi2: Friedman's statistic, corrected for ties.
        p_chi2: its p by the chi-squared distribution with ``samplers - 1`` degrees of freedom.
        f: the statistic of Iman and Davenport, which is less conservative; infinite where all
            blocks agree.
        df: degrees of freedom of ``f``.
        p: of ``f``; where all blocks agree, the probability that they do so by chance.
    """

    blocks: int
    chi2: float
    p_chi2: float
    f: float
    df: tuple[int, int]
    p: float

    @property
    def differ(self) -> bool:
        """True if the test rejects that all samplers are equal."""
        return self.p < ALPHA


def friedman(values: pd.DataFrame) -> Friedman:
    """Friedman's test with the correction of Iman and Davenport.

    Args:
        values: float64 [blocks, samplers], at least two samplers.
    """
    ranks = rank(values)
    n, k = ranks.shape
    spread = float(((ranks.mean() - (k + 1) / 2) ** 2).sum())
    # The sum of squares within blocks is n k (k^2 - 1) / 12, and smaller where there are ties.
    within = float(((ranks - (k + 1) / 2) ** 2).to_numpy().sum())
    statistic = n * n * (k - 1) * spread / within if within else 0.0
    df = (k - 1, (k - 1) * (n - 1))
    p_chi2 = float(chi2.sf(statistic, k - 1))
    rest = n * (k - 1) - statistic
    # One block agrees with itself, also where all tie in it; F has no degrees of freedom there.
    if n == 1 or rest < 1e-9 * n * k:
        return Friedman(n, statistic, p_chi2, float("inf"), df, _chance(ranks))
    ratio = (n - 1) * statistic / rest
    return Friedman(n, statistic, p_chi2, ratio, df, float(f.sf(ratio, *df)))


def _chance(ranks: pd.DataFrame) -> float:
    """The probability that all blocks have the ranks of the first if all orders are as likely."""
    ties = ranks.iloc[0].value_counts()
    orders = factorial(ranks.shape[1]) / prod(factorial(int(tie)) for tie in ties)
    return float(orders ** -(len(ranks) - 1))


def critical_difference(samplers: int, blocks: int) -> float:
    """Nemenyi's critical difference: average ranks farther apart than this differ."""
    return float(studentized_range.isf(ALPHA, samplers, np.inf)) * _scale(samplers, blocks)


def nemenyi(average_ranks: pd.Series, blocks: int) -> pd.DataFrame:
    """Each pair's p by Nemenyi's test, float64 [samplers, samplers]; 1 with itself.

    Args:
        average_ranks: float64 [samplers].
        blocks: over which the ranks were averaged.
    """
    means = average_ranks.to_numpy(dtype=float)
    apart = np.abs(means[:, None] - means) / _scale(len(means), blocks)
    p = studentized_range.sf(apart, len(means), np.inf)
    return pd.DataFrame(p, index=average_ranks.index, columns=average_ranks.index)


def _scale(samplers: int, blocks: int) -> float:
    """Factor between a studentised range and a difference of average ranks."""
    return sqrt(samplers * (samplers + 1) / (12 * blocks))
