"""Number of candidates of each class that each sampler picked."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from coldstart.config.recipes.figures.picked_classes import PickedClasses
from coldstart.figures.data import Shown, summarise
from coldstart.figures.style import (
    GREY,
    add_note,
    looks,
    named_ticks,
    new_figure,
    run_titles,
    sampler_name,
    thinned,
)

MOST_ANNOTATED = 20
"""With more classes than this, a colour bar replaces the numbers, which would overlap."""
MOST_SHAPES = 5000
"""With more cells than this, the map is rasterised in SVG and PDF."""
MOST_PARTED = 60
"""With more classes than this, cells have no white edges and bars no error bars."""


def draw(shown: Shown, target: PickedClasses) -> tuple[Figure, pd.DataFrame]:
    """The mean number picked of each class: a heat map per run, or a histogram per sampler.

    Returns:
        The figure and run, sampler, budget, label, class, and over all trials mean, sd, n, low and
        high.
    """
    values = shown.values("picked", budgets=[target.budget])
    numbers = summarise(values, ["run", "sampler", "budget", "label"])
    names = [
        shown.class_names(run)[label]
        for run, label in zip(numbers["run"], numbers["label"], strict=True)
    ]
    numbers.insert(list(numbers.columns).index("label") + 1, "class", names)
    if target.style == "bars":
        return _bars(shown, target, numbers), numbers
    return _heat_maps(shown, target, numbers), numbers


def _bars(shown: Shown, target: PickedClasses, numbers: pd.DataFrame) -> Figure:
    """A panel per run and sampler: a bar per class with its interval."""
    series = list(dict.fromkeys(zip(numbers["run"], numbers["sampler"], strict=True)))
    names = shown.series(target.series)
    titles, look = run_titles(shown.runs), looks(names[pair] for pair in series)
    rows = -(-len(series) // 2)
    figure = new_figure(target.title, 0.7 + 1.75 * rows)
    grid = figure.subplots(rows, min(2, len(series)), squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(series) :]:
        axes.set_visible(False)
    for axes, (run, sampler) in zip(grid.flat, series, strict=False):
        part = numbers[(numbers["run"] == run) & (numbers["sampler"] == sampler)]
        at = np.arange(len(part))
        width = 0.75 if len(part) <= MOST_PARTED else 1.0
        axes.bar(at, part["mean"], color=look[names[run, sampler]].colour, alpha=0.7, width=width)
        if part["n"].min() > 1 and len(part) <= MOST_PARTED:
            axes.vlines(at, part["low"].clip(lower=0), part["high"], color="0.1", linewidth=0.9)
        axes.axhline(target.budget / len(part), color=GREY, linewidth=0.7, linestyle=(0, (4, 2)))
        axes.set_title(f"{titles[run]}, {sampler_name(sampler)}".removeprefix(", "), loc="left")
        places, classes = named_ticks(list(part["class"]))
        axes.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="x", length=0)
    for axes in grid[:, 0]:
        axes.set_ylabel("labels")
    most = numbers["label"].nunique()
    add_note(
        figure,
        f"Labels of each class among the first {target.budget:,}: mean over all seeds"
        + (", and one standard deviation each way" if most <= MOST_PARTED else "")
        + f". Dashed: equal numbers of all classes.{thinned(most)}",
    )
    return figure


def _heat_maps(shown: Shown, target: PickedClasses, numbers: pd.DataFrame) -> Figure:
    """A heat map per run: samplers by classes."""
    titles = run_titles(shown.runs)
    runs = list(numbers["run"].unique())
    rows = [numbers.loc[numbers["run"] == run, "sampler"].nunique() for run in runs]
    names_once = len({tuple(shown.class_names(run)) for run in runs}) == 1
    between = 0.25 if names_once else 0.75
    figure = new_figure(target.title, 1.2 + 0.24 * sum(rows) + between * (len(runs) - 1))
    grid = figure.subplots(len(runs), 1, squeeze=False, height_ratios=rows)
    counts = [len(shown.class_names(run)) for run in runs]
    for axes, run in zip(grid[:, 0], runs, strict=True):
        mesh = _heat_map(axes, shown, run, numbers)
        axes.set_title(titles[run], loc="left")
        if names_once and run != runs[-1]:
            axes.set(xticklabels=[], xlabel="")
    if max(counts) > MOST_ANNOTATED:
        figure.colorbar(mesh, ax=list(grid[:, 0]), label="labels", fraction=0.03, pad=0.01)
    add_note(
        figure,
        f"Labels of each class among the first {target.budget:,}; means over all seeds."
        + thinned(max(counts)),
    )
    return figure


def _heat_map(axes: Axes, shown: Shown, run: str, numbers: pd.DataFrame) -> QuadMesh:
    """Draw the counts of one run; colours and decimals are the same for all runs."""
    means = numbers["mean"]
    most = means.max()
    table = numbers[numbers["run"] == run].pivot(index="sampler", columns="label", values="mean")
    samplers = [sampler for sampler in shown.runs[run]["samplers"] if sampler in table.index]
    table = table.loc[samplers]
    cells = table.to_numpy(dtype=float)
    parted = cells.shape[1] <= MOST_PARTED
    mesh = axes.pcolormesh(
        cells,
        cmap="Blues",
        vmin=0,
        vmax=most,
        edgecolors="white" if parted else "none",
        linewidth=0.8 if parted else 0.0,
        rasterized=cells.size > MOST_SHAPES,
    )
    axes.invert_yaxis()
    look = looks(samplers)
    axes.set_yticks([row + 0.5 for row in range(len(samplers))], [look[s].name for s in samplers])
    names = [shown.class_names(run)[int(label)] for label in table.columns]
    slanted = max(map(len, names)) > 5
    places, ticks = named_ticks(names)
    axes.set_xticks(
        [place + 0.5 for place in places],
        ticks,
        rotation=35 if slanted else 0,
        ha="right" if slanted else "center",
        rotation_mode="anchor" if slanted else "default",
    )
    if not slanted:
        axes.set_xlabel("class")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if len(names) > MOST_ANNOTATED:
        return mesh
    digits = 0 if (means == means.round()).all() or most >= 100 else 1
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{value:.{digits}f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if value > 0.6 * most else "0.15",
        )
    return mesh
