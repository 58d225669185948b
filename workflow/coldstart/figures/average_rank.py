"""The samplers' ranks by a metric, averaged over blocks; 1 is best."""

import pandas as pd
from matplotlib.figure import Figure

from coldstart.config.recipes.figures.average_rank import AverageRank
from coldstart.figures.data import Shown
from coldstart.figures.style import add_note, hollow, looks, metric_title, new_figure
from coldstart.statistics.blocks import described
from coldstart.statistics.intervals import FEWEST, mean_interval
from coldstart.statistics.ranks import average_ranks, rank
from coldstart.statistics.sentences import count


def tabulate(shown: Shown, target: AverageRank) -> pd.DataFrame:
    """Average rank of each sampler, best first.

    In each of the target's blocks the samplers are ranked by their mean (over trials, and over
    classes for average precision); higher is better, and ties share the average of their ranks.

    Returns:
        sampler, average_rank, sd (of the ranks, over blocks), blocks (how many), won (the share of
        blocks in which it is best; a tie is shared), low and high; where a paper's table is shown,
        also its ranks as ``paper``. Low and high are the 95 % interval of the mean by Student's t;
        blocks are not independent, so it describes and does not test. Fewer than three blocks have
        no interval, and one block has no sd.

    Raises:
        ColdstartError: the runs have different samplers, there is just one, or it has no value in a
            block.
    """
    ranks = rank(shown.blocks(target).values)
    blocks = len(ranks)
    intervals = [mean_interval(ranks[sampler].to_numpy(dtype=float)) for sampler in ranks]
    low, high = (pd.Series(ends, index=ranks.columns) for ends in zip(*intervals, strict=True))
    best = ranks.eq(ranks.min(axis=1), axis=0)
    table = pd.DataFrame(
        {
            "average_rank": average_ranks(ranks),
            "sd": ranks.std(ddof=1),
            "blocks": blocks,
            "won": best.div(best.sum(axis=1), axis=0).mean(),
            "low": low.clip(lower=1),
            "high": high.clip(upper=ranks.shape[1]),
        }
    )
    table = table.rename_axis("sampler").reset_index()
    if shown.published is not None:
        table["paper"] = table["sampler"].map(_published(shown.published, list(shown.runs)))
    return table.sort_values("average_rank", kind="stable", ignore_index=True)


def _published(paper: pd.DataFrame, runs: list[str]) -> pd.Series:
    """The paper's average ranks: of the one run that is shown, or of all its sets together."""
    rows = paper["run"].eq(runs[0]) if len(runs) == 1 else paper["run"].isna()
    return paper[rows].set_index("sampler")["value"]


def draw(shown: Shown, target: AverageRank) -> tuple[Figure, pd.DataFrame]:
    """A dot per sampler, best on top, with its interval."""
    table = tabulate(shown, target)
    rows = len(table)
    figure = new_figure(target.title, 1.05 + 0.22 * rows, 4.5)
    axes = figure.subplots()
    look = looks(table["sampler"])
    axes.hlines(
        range(rows),
        table["low"],
        table["high"],
        colors=[look[sampler].colour for sampler in table["sampler"]],
        linewidths=1.6,
    )
    for at, (sampler, mean) in enumerate(zip(table["sampler"], table["average_rank"], strict=True)):
        axes.plot(mean, at, look[sampler].marker, color=look[sampler].colour, markersize=6)
        if "paper" in table:
            axes.plot(table["paper"][at], at, **hollow(look[sampler].marker, look[sampler].colour))
    axes.set_yticks(range(rows), [look[sampler].name for sampler in table["sampler"]])
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlim(0.85, rows + 0.15)
    axes.set_xticks(range(1, rows + 1))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.set_xlabel(f"average rank by {metric_title(target.metric)} (1 is best)")
    paper = " Hollow: the paper's." if "paper" in table else ""
    add_note(figure, _note(int(table["blocks"].iloc[0]), described(target.block)) + paper)
    return figure, table


def _note(blocks: int, block: str) -> str:
    if blocks < FEWEST:
        return f"Ranks in {count(blocks, 'block')} ({block}); no intervals."
    return (
        f"Mean over {blocks} blocks ({block}) and its 95 % t-interval, which describes and does "
        "not test: blocks of one encoder are not independent."
    )
