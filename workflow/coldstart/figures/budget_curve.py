"""A metric against the number of labels, one line per run and sampler, in one panel or several."""

from collections.abc import Sequence
from typing import NamedTuple

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
    WIDE,
    Look,
    add_legend_below_title,
    add_note,
    budget_axis,
    hollow,
    looks,
    metric_title,
    names_in_row,
    new_figure,
    run_looks,
    run_titles,
    sampler_name,
    share_axis,
    shortened,
)

LINE = 0.15
"""Inches of a line of the legend."""
COLUMNS = 4
"""Panels in a row."""
PANEL = 1.5
"""Inches of a panel's height."""
FILLS = ("full", "bottom", "left", "top")
"""Fill styles of markers, by run; hollow markers are the paper's."""
DODGE = 0.045
"""Width, in decades, over which the series at one budget are shifted apart."""
MOST_MARKED = 15
"""A line with more points has no markers, or about this many if colours repeat."""


class Series(NamedTuple):
    """One line of a panel.

    Attributes:
        heading: stands above the line's name in the legend, where lines are grouped by run.
        look: its name, colour and marker.
        style: number of its line style.
        table: its values, ascending by budget.
    """

    heading: str
    look: Look
    style: int
    table: pd.DataFrame


def draw(shown: Shown, target: BudgetCurve) -> tuple[Figure, pd.DataFrame]:
    """Means over all trials with one standard deviation, as bands or as error bars.

    Returns:
        The figure and run, pool, encoder, sampler, metric, label, budget, mean, sd, n, low and
        high; with shares of the training images also ``per_cent``; where a paper's table is shown,
        also its values as ``paper``.
    """
    values = shown.values(target.metric, target.label, target.budgets)
    numbers = summarise(values, ["run", "pool", "encoder", "sampler", "metric", "label", "budget"])
    if shown.published is not None:
        numbers = _with_paper(numbers, shown, target)
    if target.axis == "per-cent":
        whole = np.array([shown.runs[run]["training_images"] for run in numbers["run"]])
        numbers["per_cent"] = 100 * numbers["budget"] / whole
    across = numbers["run"].isin(target.levels)
    panels = _panels(shown, target, numbers[~across])
    if target.facet is None:
        figure = _alone(shown, target, panels[""], numbers[across])
    else:
        figure = _grid(shown, target, panels)
    add_note(figure, _note(target.style, numbers["n"]))
    return figure, numbers


def _panels(shown: Shown, target: BudgetCurve, numbers: pd.DataFrame) -> dict[str, list[Series]]:
    """Return the lines of each panel, by its title."""
    titles = run_titles(shown.runs)
    pairs = [
        (run, sampler, table.sort_values("budget"))
        for run in shown.runs
        for sampler in shown.runs[run]["samplers"]
        if len(table := numbers[(numbers["run"] == run) & (numbers["sampler"] == sampler)])
    ]
    # If runs differ by colour or have panels, they need no titles and line styles of their own.
    by_run = target.series == "sampler" and target.facet in (None, "pool")
    names = shown.series("sampler" if target.facet == "run" else target.series)
    look = looks(names[run, sampler] for run, sampler, _ in pairs)
    looks_of_runs = run_looks(titles.values())
    panels: dict[str, list[Series]] = {}
    for run, sampler, table in pairs:
        of_panel = {"sampler": sampler_name(sampler), "run": titles[run]}
        title = "" if target.facet is None else of_panel.get(target.facet, shown.runs[run]["pool"])
        own = looks_of_runs[titles[run]] if target.facet == "sampler" else look[names[run, sampler]]
        style = list(shown.runs).index(run) if by_run else 0
        line = Series(titles[run] if by_run else "", own, style, table)
        panels.setdefault(title, []).append(line)
    return panels


def _alone(
    shown: Shown, target: BudgetCurve, series: Sequence[Series], across: pd.DataFrame
) -> Figure:
    """One panel, with the legend beside it, and the values of some runs across it."""
    entries = sum(len(run["samplers"]) + 1 for run in shown.runs.values())
    figure = new_figure(target.title, max(3.2, 0.5 + LINE * entries))
    axes = figure.subplots()
    lines = _plot(axes, target, series)
    _cut_to_possible(axes)
    axes.set_ylabel(metric_title(target.metric, _class_name(shown, target)))
    legend: dict[str, list[Line2D]] = {}
    for one, line in zip(series, lines, strict=True):
        legend.setdefault(one.heading, []).append(line)
    titles = run_titles(shown.runs)
    for at, (run, table) in enumerate(across.groupby("run", sort=False)):
        last = float(table.sort_values("budget")["mean"].iloc[-1])
        label = titles[str(run)] or str(run)
        dashes = (0, (4 + 3 * at, 2))
        legend.setdefault("", []).append(
            axes.axhline(last, color=GREY, linewidth=1.0, linestyle=dashes, label=label)
        )
    if any("paper" in one.table and one.table["paper"].notna().any() for one in series):
        published = next(one for one in series if one.table["paper"].notna().any())
        legend[published.heading].append(Line2D([], [], label="paper", **hollow("o", GREY)))
    _add_legend(axes, legend)
    return figure


def _grid(shown: Shown, target: BudgetCurve, panels: dict[str, list[Series]]) -> Figure:
    """Several panels with the same axes, and one legend above all."""
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(_named(one) for series in panels.values() for one in series))
    legend_rows = -(-len(names) // names_in_row(names, WIDE))
    height = 0.7 + LINE * legend_rows + PANEL * rows
    # Empty lines below the title keep room for the legend, which the layout does not know of.
    figure = new_figure(target.title, height, WIDE, below=legend_rows)
    shared = target.facet != "pool"
    grid = figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared)
    entries: dict[str, Line2D] = {}
    for at, (axes, (title, series)) in enumerate(zip(grid.flat, panels.items(), strict=False)):
        lines = _plot(axes, target, series)
        for line in lines:
            line.set(markersize=2.5, linewidth=1.0 if line.get_linestyle() != "None" else 0.0)
        axes.set_title(title, loc="left")
        axes.tick_params(labelbottom=True)
        if at + columns < len(panels):
            axes.set_xlabel("")
        entries |= {_named(one): line for one, line in zip(series, lines, strict=True)}
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid.flat[: len(panels)]:  # once all panels that share an axis are drawn
        _cut_to_possible(axes)
    figure.supylabel(metric_title(target.metric, _class_name(shown, target)), size=8)
    add_legend_below_title(figure, {name: entries[name] for name in names})
    return figure


def _named(one: Series) -> str:
    """The name of a line in a legend that is not grouped."""
    return " ".join(filter(None, (one.heading, one.look.name)))


def _plot(axes: Axes, target: BudgetCurve, series: Sequence[Series]) -> list[Line2D]:
    """Draw the lines of a panel, and return each for the legend."""
    column = "per_cent" if target.axis == "per-cent" else "budget"
    places = np.unique(np.concatenate([one.table[column].to_numpy() for one in series]))
    (share_axis if target.axis == "per-cent" else budget_axis)(axes, places)
    axes.grid(axis="y")
    marked = len({one.look.colour for one in series}) < len(series)
    lines = []
    for at, one in enumerate(series):
        place = (at + 0.5) / len(series) - 0.5 if target.style == "scatter" else 0.0
        x = one.table[column].to_numpy(dtype=float)
        if target.axis == "labels":
            x = _dodged(x, places, place)
        drawn = _scatter if target.style == "scatter" else _band
        lines.append(drawn(axes, x, one, marked))
        if "paper" in one.table:
            axes.plot(x, one.table["paper"], **hollow(one.look.marker, one.look.colour))
    return lines


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
    budgets: NDArray[np.float64], all_budgets: NDArray[np.int64], place: float
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


def _band(axes: Axes, x: NDArray[np.float64], one: Series, marked: bool) -> Line2D:
    table, look = one.table, one.look
    axes.fill_between(x, table["low"], table["high"], color=look.colour, alpha=0.13, linewidth=0)
    (line,) = axes.plot(
        x,
        table["mean"],
        linestyle=LINES[one.style % len(LINES)],
        color=look.colour,
        marker=look.marker if marked or len(x) <= MOST_MARKED else "",
        markevery=max(1, len(x) // MOST_MARKED),
        markersize=3.5,
        label=look.name,
    )
    return line


def _scatter(axes: Axes, x: NDArray[np.float64], one: Series, marked: bool) -> Line2D:
    table, look = one.table, one.look
    axes.vlines(x, table["low"], table["high"], color=look.colour, linewidth=0.8, alpha=0.7)
    (points,) = axes.plot(
        x,
        table["mean"],
        linestyle="none",
        color=look.colour,
        marker=look.marker,
        markersize=3.5,
        fillstyle=FILLS[one.style % len(FILLS)],
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
