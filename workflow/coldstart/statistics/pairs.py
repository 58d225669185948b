"""Pairs of samplers: Wilcoxon's signed-rank test, Holm's correction, and intervals."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata, t

from coldstart.statistics import ALPHA
from coldstart.statistics.blocks import Blocks
from coldstart.statistics.intervals import mean_interval
from coldstart.statistics.ties import average

MOST_EXACT = 500
"""Up to this many blocks p is exact; beyond, the normal distribution is as good."""


def signed_rank(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Wilcoxon's signed-rank test (two-sided) of differences that have median zero.

    Zeros are ranked with the others and then left out (Pratt 1959). The distribution is that of all
    signs of these very ranks, so p is exact with ties and zeros too.

    Args:
        differences: float64 [n], equal sizes exactly equal, as ``Blocks.differences`` gives them.

    Returns:
        The sum of the ranks of positive differences less that of negative ones, and p.
    """
    # Doubled, ranks are whole numbers, also those that ties share.
    ranks = np.rint(2 * rankdata(np.abs(differences))).astype(int)[differences != 0]
    above = differences[differences != 0] > 0
    total, positive = int(ranks.sum()), int(ranks[above].sum())
    if total == 0:
        return 0.0, 1.0
    if len(differences) > MOST_EXACT:
        z = (2 * positive - total) / np.sqrt(float((ranks.astype(float) ** 2).sum()))
        return positive - total / 2, float(2 * norm.sf(abs(z)))
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    for step in ranks:
        chances[step:] = chances[step:] + chances[:-step]  # the right-hand side is a copy
        chances /= 2
    tail = min(chances[: positive + 1].sum(), chances[positive:].sum())
    return positive - total / 2, float(min(1.0, 2 * tail))


def paired_t(differences: NDArray[np.float64]) -> float:
    """P of Student's t test (two-sided) that differences have mean zero.

    Args:
        differences: float64 [n].

    Returns:
        p; not a number for fewer than two differences, 1 where all are nought.
    """
    n = len(differences)
    if n < 2:
        return float("nan")
    if not differences.any():
        return 1.0
    spread = differences.std(ddof=1)
    if spread == 0:
        return 0.0
    return float(2 * t.sf(abs(differences.mean()) / (spread / np.sqrt(n)), n - 1))


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of p with Holm's correction (1979) for their number, float64 [n], in this order."""
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def smallest_p(blocks: int, pairs: int) -> float:
    """The smallest p after Holm's correction that so many blocks can give."""
    return float(min(1.0, pairs * 2.0 ** (1 - blocks)))


def compare(blocks: Blocks) -> pd.DataFrame:
    """Every pair of samplers.

    Returns:
        first, second, mean_difference (first - second), low, high (its 95 % t interval), blocks,
        p (Wilcoxon's), p_holm and better (the better sampler, missing where they are not
        told apart).
    """
    rows = []
    for first, second in combinations(blocks.values.columns, 2):
        differences = blocks.differences(first, second).to_numpy(dtype=float)
        low, high = mean_interval(differences)
        sign, p = signed_rank(differences)
        rows.append(
            {
                "first": first,
                "second": second,
                "mean_difference": average(differences),
                "low": low,
                "high": high,
                "blocks": len(differences),
                "p": p,
                "better": first if sign > 0 else second,
            }
        )
    table = pd.DataFrame(rows)
    table.insert(7, "p_holm", holm(table["p"].to_numpy(dtype=float)))
    table["better"] = table["better"].where(table["p_holm"] < ALPHA)
    return table


def p_matrix(pairs: pd.DataFrame, order: Sequence[str] | pd.Index) -> pd.DataFrame:
    """Holm's p of each pair, float64 [samplers, samplers] in this order; 1 with itself.

    Args:
        pairs: what ``compare`` returns.
        order: the samplers.
    """
    table = pairs.pivot(index="first", columns="second", values="p_holm")
    table = table.reindex(index=list(order), columns=list(order))
    return table.fillna(table.T).fillna(1.0)
