"""Each run's metric less that of a baseline run under the same sampler, and how long it lasts."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from coldstart.config.recipes.figures.advantage import Advantage
from coldstart.figures.data import Shown
from coldstart.figures.style import (
    WIDE,
    add_legend_below_title,
    add_note,
    budget_axis,
    metric_title,
    new_figure,
    run_looks,
    run_titles,
    sampler_name,
)
from coldstart.statistics.blocks import arrange
from coldstart.statistics.intervals import FEWEST, mean_interval
from coldstart.statistics.pairs import holm, paired_t
from coldstart.statistics.ties import average, exceeds

COLUMNS = 4
"""Panels in a row."""
PANEL = 1.5
"""Inches of a panel's height."""


class Compared(NamedTuple):
    """A run beside its baseline, under one sampler.

    Attributes:
        title: the run's.
        sampler: its name.
        pool: of both.
        models: name the models at the first budget: equal where two comparisons share them.
        differences: run less baseline, by budget (rows) and pair of trials (columns).
    """

    title: str
    sampler: str
    pool: str
    models: tuple[float, ...]
    differences: pd.DataFrame


def tabulate(shown: Shown, target: Advantage) -> pd.DataFrame:
    """The first and the last advantage of each run, with their tests.

    Returns:
        pool, sampler, run (its title), baseline; first_budget, first (mean difference), first_low,
        first_high, first_p and first_p_holm; the same of the last budget; lasts_until; pairs.
    """
    rows = [_row(one, target) for one in compare(shown, target)]
    table = pd.DataFrame(rows)
    for end in ("first", "last"):
        models = table["models"] if end == "first" else pd.Series(table.index)
        once = ~models.duplicated() & table[f"{end}_p"].notna()
        corrected = dict(
            zip(models[once], holm(table.loc[once, f"{end}_p"].to_numpy(dtype=float)), strict=True)
        )
        place = list(table.columns).index(f"{end}_p") + 1
        table.insert(place, f"{end}_p_holm", models.map(corrected).astype(float))
    return table.drop(columns="models").astype({"lasts_until": "Int64"})


def draw(shown: Shown, target: Advantage) -> tuple[Figure, pd.DataFrame]:
    """A panel per pool and sampler, a line per run with its interval as a band.

    Returns:
        The figure and pool, sampler, run, baseline, budget, difference, low, high and pairs.
    """
    compared = compare(shown, target)
    several = len({one.pool for one in compared}) > 1
    look = run_looks(dict.fromkeys(one.title for one in compared))
    panels: dict[str, list[tuple[Compared, pd.DataFrame]]] = {}
    for one in compared:
        title = f"{one.pool}\n" * several + sampler_name(one.sampler)
        panels.setdefault(title, []).append((one, _by_budget(one, target)))
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    height = 0.9 + (PANEL + 0.15 * several) * rows
    figure = new_figure(target.title, height, WIDE, below=1)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=not several, sharey=not several)
    entries = {}
    for at, (axes, (title, lines)) in enumerate(zip(grid.flat, panels.items(), strict=False)):
        for one, table in lines:
            entries[one.title] = _line(axes, table, look[one.title].colour, look[one.title].marker)
        budget_axis(axes, np.sort(lines[0][1]["budget"].to_numpy()))
        axes.axhline(0, color="0.25", linewidth=0.6)
        axes.grid(axis="y")
        axes.set_title(title, loc="left")
        axes.tick_params(labelbottom=True)
        if at + columns < len(panels):
            axes.set_xlabel("")
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supylabel(f"{metric_title(target.metric)} less {target.baseline}'s", size=8)
    add_legend_below_title(figure, entries)
    numbers = pd.concat([table for lines in panels.values() for _, table in lines])
    add_note(figure, _note(numbers["pairs"]))
    return figure, numbers.reset_index(drop=True)


def compare(shown: Shown, target: Advantage) -> list[Compared]:
    """Pair each run with the baseline of its pool, budgets and sampler."""
    titles = run_titles(shown.runs)
    values = shown.values(target.metric, budgets=target.budgets)
    budgets = values.groupby("run")["budget"].unique().map(lambda found: tuple(sorted(found)))
    places = {
        (run, sampler): (told["pool"], budgets[run], sampler)
        for run, told in shown.runs.items()
        for sampler in told["samplers"]
    }
    baselines = {
        place: run for (run, sampler), place in places.items() if titles[run] == target.baseline
    }
    tables = dict(list(values.groupby(["run", "sampler"], sort=False)))
    found = []
    for (run, sampler), place in places.items():
        if titles[run] == target.baseline:
            continue
        ours, others = tables[run, sampler], tables[baselines[place], sampler]
        both = pd.concat([ours.assign(sampler="ours"), others.assign(sampler="others")])
        parts = ["encoder-seed", "trial", "budget"]
        blocks = arrange(both.assign(run=""), ["ours", "others"], parts)
        differences = blocks.differences("ours", "others")
        first = blocks.values.xs(min(place[1]), level="budget").to_numpy()
        table = differences.unstack("budget").T
        found.append(Compared(titles[run], sampler, place[0], tuple(first.ravel()), table))
    return found


def _row(one: Compared, target: Advantage) -> dict[str, object]:
    table = _by_budget(one, target)
    row: dict[str, object] = {
        "pool": one.pool,
        "sampler": one.sampler,
        "run": one.title,
        "baseline": target.baseline,
        "models": (one.pool, one.title, *one.models),
    }
    for end, at in (("first", 0), ("last", -1)):
        found = table.iloc[at]
        row |= {f"{end}_budget": found["budget"], end: found["difference"]}
        row |= {f"{end}_{name}": found[name] for name in ("low", "high")}
        row[f"{end}_p"] = paired_t(one.differences.iloc[at].to_numpy(dtype=float))
    ends = [
        budget
        for budget, low, high in table[["budget", "low", "high"]].itertuples(index=False)
        if not (np.isnan(low) or exceeds(low, 0) or exceeds(0, high))
    ]
    return row | {"lasts_until": ends[0] if ends else None, "pairs": table["pairs"].iloc[0]}


def _by_budget(one: Compared, target: Advantage) -> pd.DataFrame:
    rows = []
    for budget, part in one.differences.iterrows():
        values = part.to_numpy(dtype=float)
        low, high = mean_interval(values)
        told = (one.pool, one.sampler, one.title, target.baseline)
        rows.append((*told, budget, average(values), low, high, len(values)))
    named = ["pool", "sampler", "run", "baseline"]
    return pd.DataFrame(rows, columns=[*named, "budget", "difference", "low", "high", "pairs"])


def _line(axes: Axes, table: pd.DataFrame, colour: str, marker: str) -> Line2D:
    x = table["budget"].to_numpy(dtype=float)
    axes.fill_between(x, table["low"], table["high"], color=colour, alpha=0.13, linewidth=0)
    (line,) = axes.plot(
        x, table["difference"], color=colour, marker=marker, markersize=2.5, linewidth=1.0
    )
    return line


def _note(pairs: pd.Series) -> str:
    fewest, most = int(pairs.min()), int(pairs.max())
    number = f"{most}" if fewest == most else f"{fewest} to {most}"
    if most < FEWEST:
        return f"Mean differences over {number} pairs of trials; no intervals."
    return f"Mean differences over {number} pairs of trials; bands: 95 % t intervals."
