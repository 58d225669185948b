"""Area under the curve of a metric over the number of labels, and over its logarithm."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coldstart.config.recipes.figures.budget_area import BudgetArea
from coldstart.figures.data import Shown
from coldstart.figures.style import add_note, looks, metric_title, new_figure, run_titles
from coldstart.statistics.area import AXES, areas, summarise_areas
from coldstart.statistics.intervals import FEWEST
from coldstart.statistics.ties import tie

MOST_NUMBERS = 3
"""At most this many steps between ticks, whose numbers may have six digits."""
TITLES = {"linear": "over the number of labels", "log": "over its logarithm"}


def tabulate(shown: Shown, target: BudgetArea) -> pd.DataFrame:
    """Mean area of each sampler, as ``summarise_areas`` describes it."""
    return summarise_areas(areas(shown.compared(target)))


def draw(shown: Shown, target: BudgetArea) -> tuple[Figure, pd.DataFrame]:
    """Two panels for each run: the trials as dots, their mean and its interval; best on top."""
    drawn = areas(shown.compared(target))
    numbers = summarise_areas(drawn)
    runs = list(numbers["run"].unique())
    heights = [numbers.loc[numbers["run"] == run, "sampler"].nunique() + 1.5 for run in runs]
    figure = new_figure(target.title, 0.95 + 0.22 * sum(heights))
    rows = figure.subplots(len(runs), len(AXES), squeeze=False, height_ratios=heights)
    titles = run_titles(shown.runs)
    for row, run in zip(rows, runs, strict=True):
        before = f"{titles[run]}: " if titles.get(run) else ""
        of_run = numbers[numbers["run"] == run]
        first = of_run[of_run["axis"] == AXES[0]]
        first = first.assign(area=tie(first["area"])).sort_values(
            "area", ascending=False, kind="stable"
        )
        for axes, axis in zip(row, AXES, strict=True):
            table = of_run[of_run["axis"] == axis].set_index("sampler").loc[first["sampler"]]
            dots = drawn[(drawn["run"] == run) & (drawn["axis"] == axis)]
            _panel(axes, table, dots)
            axes.set_title(before + TITLES[axis], loc="left")
        row[1].set_yticklabels([])
    for axes in rows[-1]:
        axes.set_xlabel(f"mean {metric_title(target.metric)}\nunder the curve")
    add_note(figure, _note(numbers["draws"]))
    return figure, numbers


def _panel(axes: Axes, table: pd.DataFrame, dots: pd.DataFrame) -> None:
    look = looks(table.index)
    for at, (sampler, summary) in enumerate(table.iterrows()):
        shown: Any = look[str(sampler)]
        draws = dots.loc[dots["sampler"] == sampler, "area"]
        axes.plot(
            draws, [at] * len(draws), "o", color=shown.colour, alpha=0.35, markersize=3, mew=0
        )
        axes.hlines(at, summary["low"], summary["high"], colors=shown.colour, linewidths=1.6)
        axes.plot(summary["area"], at, shown.marker, color=shown.colour, markersize=6)
    axes.set_yticks(range(len(table)), [look[str(sampler)].name for sampler in table.index])
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(MOST_NUMBERS))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")


def _note(draws: pd.Series) -> str:
    text = "Area under the curve by trapezia, divided by the span of the axis."
    if draws.max() == 1:
        return f"{text} One trial (encoder seed and trial) each: no spread is shown."
    text += " Small dots: trials (encoder and trials)"
    if draws.max() >= FEWEST:
        text += f"; bars: 95 % t-intervals of their mean, from {FEWEST} trials on"
    return f"{text}."
