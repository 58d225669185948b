"""Average ranks on a line, with bars that join the samplers which are not told apart."""

from math import comb

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coldstart.config.recipes.figures.critical_difference import CriticalDifference
from coldstart.figures.data import Shown
from coldstart.figures.style import WIDE, add_note, looks, metric_title, new_figure
from coldstart.statistics import ALPHA
from coldstart.statistics.blocks import Blocks, described
from coldstart.statistics.cliques import cliques
from coldstart.statistics.pairs import compare, p_matrix
from coldstart.statistics.ranks import (
    Friedman,
    average_ranks,
    critical_difference,
    friedman,
    nemenyi,
    rank,
)
from coldstart.statistics.sentences import cautions, count, dependence, in_numbers

INCHES = 0.21
"""Height of a row of names, the unit of the diagram."""
BAR_STEP = 0.42
MARGIN = 0.04
"""Length of lines beyond the ends of the ruler, as a share of its length."""
APART = 0.15
"""Least distance between two bars on one level, in ranks."""


def draw(shown: Shown, target: CriticalDifference) -> tuple[Figure, pd.DataFrame]:
    """The diagram of Demsar, JMLR 7 (2006), figure 1, with the best rank on the left.

    Each bar joins a group of samplers, marked by dots on it, in which no two are told apart.

    Returns:
        The figure and one row per sampler, best first: sampler, average_rank, cliques (the numbers
        of its bars from the top), blocks, chi2, f and p of Friedman's test, critical_difference (of
        Nemenyi's test only), and its p beside each sampler.
    """
    blocks = shown.blocks(target)
    ranks = average_ranks(rank(blocks.values)).sort_values(kind="stable")
    test = friedman(blocks.values)
    if target.test == "nemenyi":
        p = nemenyi(ranks, test.blocks)
        apart = (p < ALPHA) & test.differ
    else:
        p = p_matrix(compare(blocks), ranks.index)
        apart = p < ALPHA
    groups = cliques(apart)
    nemenyis = critical_difference(len(ranks), test.blocks) if target.test == "nemenyi" else 0.0
    levels = _levels(groups, ranks)
    below = 0.9 + BAR_STEP * (max(levels, default=-1) + 1)
    rows = (len(ranks) + 1) // 2
    above = 3.1 if nemenyis else 2.2
    note = _note(target, test, blocks)
    figure = new_figure(
        target.title, 0.5 + 0.13 * (1 + len(note) // 115) + INCHES * (above + below + rows), WIDE
    )
    axes = figure.subplots()
    axes.set_axis_off()
    margin = MARGIN * (len(ranks) - 1)
    # With few blocks the critical difference is longer than the ruler.
    axes.set_xlim(1 - margin, max(len(ranks), 1 + nemenyis) + margin)
    axes.set_ylim(below + rows - 0.5, -above)
    _ruler(axes, len(ranks), f"average rank by {metric_title(target.metric)} (1 is best)")
    _names(axes, ranks, below)
    for group, level in zip(groups, levels, strict=True):
        at = 0.55 + BAR_STEP * level
        ends = [ranks[group[0]] - 0.03, ranks[group[-1]] + 0.03]
        axes.plot(ends, [at, at], color="0.55", linewidth=3.2, solid_capstyle="butt", zorder=3)
        axes.plot(ranks[group], [at] * len(group), "o", color="0.1", markersize=3.4, zorder=4)
    if nemenyis:
        axes.errorbar(1 + nemenyis / 2, -2.7, xerr=nemenyis / 2, color="0.1", capsize=3, fmt="none")
        axes.annotate(
            f"critical difference {nemenyis:.2f}",
            (1 + nemenyis, -2.7),
            (6, 0),
            textcoords="offset points",
            va="center",
        )
    add_note(figure, note)
    return figure, _numbers(ranks, test, groups, p, nemenyis)


def _numbers(
    ranks: pd.Series,
    test: Friedman,
    groups: list[list[str]],
    p: pd.DataFrame,
    nemenyis: float,
) -> pd.DataFrame:
    member = [
        " ".join(str(at) for at, group in enumerate(groups, 1) if sampler in group)
        for sampler in ranks.index
    ]
    table = pd.DataFrame(
        {
            "sampler": ranks.index,
            "average_rank": ranks.to_numpy(),
            "cliques": member,
            "blocks": test.blocks,
            "chi2": test.chi2,
            "f": test.f,
            "p": test.p,
            "critical_difference": nemenyis or float("nan"),
        }
    )
    beside = p.add_prefix("p ").reset_index(drop=True)
    return pd.concat([table, beside], axis=1)


def _levels(groups: list[list[str]], ranks: pd.Series) -> list[int]:
    """Return the level of each bar, so that none touches another."""
    ends: list[float] = []
    levels = []
    for group in groups:
        low, high = ranks[group[0]], ranks[group[-1]]
        free = [level for level, end in enumerate(ends) if end + APART < low]
        level = free[0] if free else len(ends)
        ends[level : level + 1] = [high]
        levels.append(level)
    return levels


def _ruler(axes: Axes, samplers: int, title: str) -> None:
    axes.hlines(0, 1, samplers, color="0.25", linewidth=0.8)
    axes.vlines(range(1, samplers + 1), -0.25, 0, color="0.25", linewidth=0.8)
    for at in range(1, samplers + 1):
        axes.text(at, -0.4, str(at), ha="center", va="bottom")
    axes.text((1 + samplers) / 2, -1.35, title, ha="center", va="bottom")


def _names(axes: Axes, ranks: pd.Series, below: float) -> None:
    """Write the names, the better half on the left, each joined to its rank by a line."""
    look = looks(ranks.index)
    count, better = len(ranks), (len(ranks) + 1) // 2
    margin = MARGIN * (count - 1)
    for at, (sampler, value) in enumerate(ranks.items()):
        left = at < better
        y = below + (at if left else count - 1 - at)
        end = 1 - margin if left else count + margin
        shown = look[str(sampler)]
        axes.plot([value, value, end], [0, y, y], color=shown.colour, linewidth=0.9)
        axes.plot(value, 0, shown.marker, color=shown.colour, markersize=5, zorder=5)
        name, number = shown.name, f"{value:.2f}"
        axes.annotate(
            f"{name}  {number}" if left else f"{number}  {name}",
            (end, y),
            (-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
        )


def _note(target: CriticalDifference, test: Friedman, blocks: Blocks) -> str:
    caution = dependence(blocks)
    if target.test == "wilcoxon-holm":
        caution = cautions(blocks, comb(len(blocks.values.columns), 2))
        bars = (
            "Bars join samplers (dots) that Wilcoxon's signed-rank test with Holm's correction "
            f"does not tell apart at {ALPHA:.2f}."
        )
    elif test.differ:
        bars = (
            "Bars join samplers (dots) whose ranks differ by less than the critical difference of "
            f"Nemenyi's test at {ALPHA:.2f}."
        )
    else:
        bars = "Friedman's test does not tell the samplers apart, so no pair is tested."
    over = f"{count(test.blocks, 'block')} ({described(target.block)})"
    return f"{in_numbers(test)}, over {over}. {bars} {caution}".strip()
