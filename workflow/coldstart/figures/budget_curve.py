"""A metric against the number of labels, one line per run and sampler."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from coldstart.config.recipes.figures.budget_curve import BudgetCurve
from coldstart.figures.data import Shown, summarise
from coldstart.figures.style import (
    GREY,
    LINES,
    Look,
    add_note,
    budget_axis,
    hollow,
    looks,
    metric_title,
    new_figure,
    run_titles,
    shortened,
)

LINE = 0.15
"""Inches of a line of the legend."""
FILLS = ("full", "bottom", "left", "top")
"""Fill styles of markers, by run; hollow markers are the paper's."""
DODGE = 0.045
"""Width, in decades, over which the series at one budget are shifted apart."""
MOST_MARKED = 15
"""A line with more points has no markers, or about this many if colours repeat."""


def draw(shown: Shown, target: BudgetCurve) -> tuple[Figure, pd.DataFrame]:
    """Means over all trials with one standard deviation, as bands or as error bars.

    Returns:
        The figure and run, pool, encoder, sampler, metric, label, budget, mean, sd, n, low and
        high; where a paper's table is shown, also its values as ``paper``.
    """
    values = shown.values(target.metric, target.label, target.budgets)
    numbers = summarise(values, ["run", "pool", "encoder", "sampler", "metric", "label", "budget"])
    if shown.published is not None:
        numbers = _with_paper(numbers, shown, target)
    entries = sum(len(run["samplers"]) + 1 for run in shown.runs.values())
    figure = new_figure(target.title, max(3.2, 0.5 + LINE * entries))
    axes = figure.subplots()
    budgets = np.sort(numbers["budget"].unique())
    budget_axis(axes, budgets)
    axes.grid(axis="y")
    axes.set_ylabel(metric_title(target.metric, _class_name(shown, target)))
    series = [
        (run, sampler, table.sort_values("budget"))
        for run in shown.runs
        for sampler in shown.runs[run]["samplers"]
        if len(table := numbers[(numbers["run"] == run) & (numbers["sampler"] == sampler)])
    ]
    names = shown.series(target.series)
    look = looks(names[run, sampler] for run, sampler, _ in series)
    # If runs differ by colour, they need no titles and line styles of their own.
    by_run = target.series == "sampler"
    titles = run_titles(shown.runs) if by_run else dict.fromkeys(shown.runs, "")
    legend: dict[str, list[Line2D]] = {}
    marked = len({own.colour for own in look.values()}) < len(look)
    for at, (run, sampler, table) in enumerate(series):
        number = list(shown.runs).index(run) if by_run else 0
        own = look[names[run, sampler]]
        place = (at + 0.5) / len(series) - 0.5 if target.style == "scatter" else 0.0
        x = _dodged(table["budget"].to_numpy(), budgets, place)
        drawn = _scatter if target.style == "scatter" else _band
        legend.setdefault(titles[run], []).append(drawn(axes, x, table, own, number, marked))
        if "paper" in table:
            axes.plot(x, table["paper"], **hollow(own.marker, own.colour))
    if "paper" in numbers:
        for run in numbers.loc[numbers["paper"].notna(), "run"].unique()[:1]:
            legend[titles[run]].append(Line2D([], [], label="paper", **hollow("o", GREY)))
    _cut_to_possible(axes)
    _add_legend(axes, legend)
    add_note(figure, _note(target.style, numbers["n"]))
    return figure, numbers


def _cut_to_possible(axes: Axes) -> None:
    """Limit the axis to 0 and 1, which error bars may exceed and metrics cannot."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -0.02), min(high, 1.02))


def _with_paper(numbers: pd.DataFrame, shown: Shown, target: BudgetCurve) -> pd.DataFrame:
    """Add the paper's values as a column, with rows for those that we lack."""
    assert shown.published is not None
    paper = shown.published.astype({"label": "Int64"}).rename(columns={"value": "paper"})
    kept = (paper["metric"] == target.metric) & paper["run"].isin(list(shown.runs))
    if target.label is not None:
        kept &= paper["label"] == target.label
    if target.budgets is not None:
        kept &= paper["budget"].isin(target.budgets)
    on = ["run", "sampler", "metric", "label", "budget"]
    both = numbers.merge(paper[kept], how="outer", on=on, sort=False, validate="one_to_one")
    for key in ("pool", "encoder"):
        both[key] = [shown.runs[run][key] for run in both["run"]]
    both["n"] = both["n"].fillna(0).astype(int)
    return both[[*numbers.columns, "paper"]]


def _dodged(
    budgets: NDArray[np.int64], all_budgets: NDArray[np.int64], place: float
) -> NDArray[np.float64]:
    """Positions along the axis, shifted so that series do not hide one another.

    Args:
        budgets: of one series.
        all_budgets: of all series, ascending.
        place: of this series among the others, from -0.5 to 0.5.
    """
    gaps = np.diff(np.log10(all_budgets))
    room = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    width = np.minimum(DODGE, 0.7 * room)[np.searchsorted(all_budgets, budgets)]
    dodged: NDArray[np.float64] = budgets * 10 ** (place * width)
    return dodged


def _band(
    axes: Axes,
    x: NDArray[np.float64],
    table: pd.DataFrame,
    look: Look,
    run: int,
    marked: bool,
) -> Line2D:
    axes.fill_between(x, table["low"], table["high"], color=look.colour, alpha=0.13, linewidth=0)
    (line,) = axes.plot(
        x,
        table["mean"],
        linestyle=LINES[run % len(LINES)],
        color=look.colour,
        marker=look.marker if marked or len(x) <= MOST_MARKED else "",
        markevery=max(1, len(x) // MOST_MARKED),
        markersize=3.5,
        label=look.name,
    )
    return line


def _scatter(
    axes: Axes,
    x: NDArray[np.float64],
    table: pd.DataFrame,
    look: Look,
    run: int,
    marked: bool,
) -> Line2D:
    axes.vlines(x, table["low"], table["high"], color=look.colour, linewidth=0.8, alpha=0.7)
    (points,) = axes.plot(
        x,
        table["mean"],
        linestyle="none",
        color=look.colour,
        marker=look.marker,
        markersize=3.5,
        fillstyle=FILLS[run % len(FILLS)],
        label=look.name,
    )
    return points


def _add_legend(axes: Axes, entries: dict[str, list[Line2D]]) -> None:
    """Beside the axes; with several runs, each has its title above its samplers."""
    handles: list[Line2D] = []
    titles = []
    for title, lines in entries.items():
        if title:
            titles.append(len(handles))
            handles.append(Line2D([], [], linestyle="none", label=title))
        handles += lines
    legend = axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.02))
    for at in titles:
        legend.get_texts()[at].set_fontweight("bold")


def _class_name(shown: Shown, target: BudgetCurve) -> str | None:
    if target.label is None:
        return None
    return shortened(shown.class_names(next(iter(shown.runs)))[target.label])


def _note(style: str, draws: pd.Series) -> str:
    if draws.max() == 1:
        return "One trial (encoder seed and trial) per point: no spread is shown."
    mark = "bands" if style == "band" else "bars"
    most = draws.max()
    fewest = draws[draws > 0].min()
    count = f"{most}" if fewest == most else f"{fewest} to {most}"
    text = f"Mean over {count} trials (encoder and trials); {mark}: ± 1 s.d"
    return text + (". (none for one trial)." if fewest == 1 else ".")
