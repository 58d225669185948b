"""The samplers' ranks by a metric, averaged over blocks; 1 is best."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t

from coldstart.config.targets import AverageRank
from coldstart.errors import ColdstartError
from coldstart.figures.data import Shown
from coldstart.figures.style import add_note, looks, metric_title, new_figure

BLOCK = ["run", "encoder_seed", "budget"]


def tabulate(shown: Shown, target: AverageRank) -> pd.DataFrame:
    """Average rank of each sampler, best first.

    A block is a run, an encoder seed and a number of labels. In each, the samplers are ranked by
    their mean over sampler seeds (and over classes, where the metric is of one); higher is better,
    and ties share the average of their ranks.

    Returns:
        sampler, average_rank, sd (of the ranks, over blocks), blocks (how many), won (the share of
        blocks in which it is best; a tie is shared), low and high. The last two are the 95 %
        interval of the mean by Student's t; blocks are not independent, so it describes and does
        not test. One block has neither sd nor interval.

    Raises:
        ColdstartError: the runs have different samplers, or there is just one.
    """
    _check_samplers(shown)
    ranks = rank(shown.values(target.metric, budgets=target.budgets))
    blocks = len(ranks)
    sd = ranks.std(ddof=1)
    half = t.ppf(0.975, blocks - 1) * sd / np.sqrt(blocks) if blocks > 1 else sd
    best = ranks.eq(ranks.min(axis=1), axis=0)
    table = pd.DataFrame(
        {
            "average_rank": ranks.mean(),
            "sd": sd,
            "blocks": blocks,
            "won": best.div(best.sum(axis=1), axis=0).mean(),
            "low": (ranks.mean() - half).clip(lower=1),
            "high": (ranks.mean() + half).clip(upper=ranks.shape[1]),
        }
    )
    table = table.rename_axis("sampler").reset_index()
    return table.sort_values("average_rank", kind="stable", ignore_index=True)


def rank(values: pd.DataFrame) -> pd.DataFrame:
    """Ranks, one row per block and one column per sampler."""
    means = values.pivot_table(index=BLOCK, columns="sampler", values="value", sort=False)
    # Means of equal values may differ in their last bits, which must not break a tie.
    return means.round(12).rank(axis=1, ascending=False)


def draw(shown: Shown, target: AverageRank) -> tuple[Figure, pd.DataFrame]:
    """A dot per sampler, best on top, with its interval."""
    table = tabulate(shown, target)
    count = len(table)
    figure = new_figure(target.title, 1.05 + 0.22 * count, 4.5)
    axes = figure.subplots()
    look = looks(table["sampler"])
    axes.hlines(
        range(count),
        table["low"],
        table["high"],
        colors=[look[sampler].colour for sampler in table["sampler"]],
        linewidths=1.6,
    )
    for at, (sampler, mean) in enumerate(zip(table["sampler"], table["average_rank"], strict=True)):
        axes.plot(mean, at, look[sampler].marker, color=look[sampler].colour, markersize=6)
    axes.set_yticks(range(count), [look[sampler].name for sampler in table["sampler"]])
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xlim(0.85, count + 0.15)
    axes.set_xticks(range(1, count + 1))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel(f"average rank by {metric_title(target.metric)} (1 is best)")
    add_note(figure, _note(int(table["blocks"].iloc[0])))
    return figure, table


def _note(blocks: int) -> str:
    if blocks == 1:
        return "Ranks in one block (run, encoder seed, number of labels); no intervals."
    return (
        f"Mean over {blocks} blocks (run, encoder seed, number of labels) and its 95 % t-interval, "
        "which describes: the blocks are not independent."
    )


def _check_samplers(shown: Shown) -> None:
    """Ranks of different sets of samplers cannot be averaged."""
    samplers = {name: sorted(run["samplers"]) for name, run in shown.runs.items()}
    first, *others = samplers
    for other in others:
        if samplers[other] != samplers[first]:
            raise ColdstartError(
                f"runs {first} and {other} have different samplers, whose ranks do not compare; "
                "name runs that have the same under `runs` of the figure or table"
            )
    if len(samplers[first]) == 1:
        raise ColdstartError(
            f"run {first} has one sampler, which has no rank; name another run under `runs` of the "
            "figure or table"
        )
