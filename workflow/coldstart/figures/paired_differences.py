"""Each sampler's metric less a baseline's, at each number of labels and on average."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from coldstart.config.recipes.figures.paired_differences import PairedDifferences
from coldstart.figures.data import Shown
from coldstart.figures.style import (
    Look,
    add_note,
    budget_axis,
    log_ticks,
    looks,
    metric_title,
    new_figure,
)
from coldstart.statistics.blocks import arrange, described
from coldstart.statistics.intervals import FEWEST, mean_interval
from coldstart.statistics.ties import average

COLUMNS = 3
MOST_MARKED = 30
"""A line through more points than this has no markers."""
NARROW_DECADES = 1.7
"""A panel over more decades than this has ticks at powers of ten alone."""


def tabulate(shown: Shown, target: PairedDifferences) -> pd.DataFrame:
    """Mean differences over blocks, with their 95 % t-intervals.

    Returns:
        sampler, baseline, budget (missing: of each block's mean over the numbers of labels),
        difference (sampler - baseline), low, high and blocks; no interval for fewer than three.
    """
    values = shown.compared(target)
    samplers = shown.samplers(target)
    blocks = arrange(values, samplers, [*target.block, "budget"])
    rows = []
    for sampler in samplers:
        if sampler == target.baseline:
            continue
        differences = blocks.differences(sampler, target.baseline)
        names = [str(name) for name in differences.index.names if name != "budget"]
        averages = differences.groupby(level=names).mean() if names else differences.mean()
        parts = [(None, pd.Series(averages)), *differences.groupby(level="budget")]
        for budget, part in parts:
            found = part.to_numpy(dtype=float)
            low, high = mean_interval(found)
            rows.append((sampler, target.baseline, budget, average(found), low, high, len(part)))
    columns = ["sampler", "baseline", "budget", "difference", "low", "high", "blocks"]
    return pd.DataFrame(rows, columns=columns).astype({"budget": "Int64"})


def draw(shown: Shown, target: PairedDifferences) -> tuple[Figure, pd.DataFrame]:
    """A panel per sampler, its difference as a line with its interval as a band."""
    numbers = tabulate(shown, target)
    samplers = list(numbers["sampler"].unique())
    rows = -(-len(samplers) // COLUMNS)
    columns = min(COLUMNS, len(samplers))
    figure = new_figure(target.title, 0.9 + 1.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    look = looks([*samplers, target.baseline])
    for axes, sampler in zip(grid.flat, samplers, strict=False):
        _panel(axes, numbers[numbers["sampler"] == sampler], look[sampler])
        axes.tick_params(labelbottom=True)
    for axes in grid.flat[len(samplers) :]:
        axes.set_visible(False)
    for axes in grid[:-1].flat:
        axes.set_xlabel("")
    figure.supylabel(f"{metric_title(target.metric)} less {look[target.baseline].name}'s", size=8)
    add_note(figure, _note(target, numbers["blocks"]))
    return figure, numbers


def _panel(axes: Axes, table: pd.DataFrame, look: Look) -> None:
    average = table[table["budget"].isna()].iloc[0]
    of_budgets = table[table["budget"].notna()].sort_values("budget")
    x = of_budgets["budget"].to_numpy(dtype=np.int64)
    budget_axis(axes, x)
    ticks = LogLocator(subs=log_ticks(x, NARROW_DECADES)).tick_values(x[0], x[-1])
    inside = ticks[(ticks >= x[0]) & (ticks <= x[-1])]
    axes.set_xticks(inside if len(inside) > 1 else [x[0], x[-1]])
    axes.axhline(0, color="0.25", linewidth=0.6)
    axes.fill_between(
        x, of_budgets["low"], of_budgets["high"], color=look.colour, alpha=0.2, linewidth=0
    )
    marker = look.marker if len(x) <= MOST_MARKED else ""
    axes.plot(x, of_budgets["difference"], color=look.colour, marker=marker, markersize=2.5)
    axes.grid(axis="y")
    said = f"{average['difference']:+.3f}"
    if not np.isnan(average["low"]):
        said += f" [{average['low']:+.3f}, {average['high']:+.3f}]"
    axes.set_title(f"{look.name}\n{said}".replace("-0", "\N{MINUS SIGN}0"), loc="left")


def _note(target: PairedDifferences, blocks: pd.Series) -> str:
    fewest, most = int(blocks.min()), int(blocks.max())
    over = described(target.block)
    if most == 1:
        return f"Differences in one block ({over}); no intervals."
    number = f"{most}" if fewest == most else f"{fewest} to {most}"
    some = f", from {FEWEST} on" if fewest < FEWEST else ""
    return (
        f"Mean differences over {number} blocks ({over}); bands and brackets: 95 % "
        f"t-intervals{some}. Below each name: the mean over all numbers of labels."
    )
