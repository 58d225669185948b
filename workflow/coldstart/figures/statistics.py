"""Every pair of samplers: the mean difference, its interval, p, and which is better."""

import pandas as pd

from coldstart.config.recipes.figures.statistics import Statistics
from coldstart.figures.data import Shown
from coldstart.statistics.pairs import compare


def tabulate(shown: Shown, target: Statistics) -> pd.DataFrame:
    """One row per pair of samplers, as ``compare`` describes it.

    Returns:
        first, second, mean_difference, low, high, blocks, p, p_holm, better and decision (in
        words).
    """
    table = compare(shown.blocks(target))
    table["decision"] = [
        "not told apart" if pd.isna(better) else f"{better} is better" for better in table["better"]
    ]
    return table
