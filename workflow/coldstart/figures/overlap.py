"""Share of the images that each pair of labelled sets has in common."""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from coldstart.config.recipes.figures.overlap import Overlap
from coldstart.figures.data import Shown
from coldstart.figures.style import WIDTH, add_note, new_figure, run_titles, sampler_name

CELL = 0.42
"""Inches of the side of a cell."""
MOST_ANNOTATED = 16
"""With more labelled sets than this, a colour bar replaces the numbers."""
Labelled = dict[tuple[int, int], frozenset[int]]
"""Ids of labelled images, by encoder seed and trial."""
Series = tuple[str, str]
"""Run and sampler that a labelled set is of."""


def tabulate(shown: Shown, target: Overlap) -> pd.DataFrame:
    """Each pair of labelled sets, each with itself among them.

    Returns:
        first, second, overlap (mean), sd, n (pairs of trials) and expected (of two random
        selections of these sizes).
    """
    sets = _labelled_sets(shown, target)
    images = next(iter(shown.runs.values()))["candidates"]
    rows = []
    for one, other in combinations_with_replacement(sets.items(), 2):
        (first, (series, ours)), (second, (another, others)) = one, other
        if target.of == "samplers" and series != another:
            others = _next_trials(others)
        shares = np.array([_share(*pair) for pair in _paired(ours, others)])
        sizes = [len(next(iter(found.values()))) for found in (ours, others)]
        spread = shares.std(ddof=1) if len(shares) > 1 else np.nan
        expected = 1.0 if first == second else max(sizes) / images
        rows.append((first, second, shares.mean(), spread, len(shares), expected))
    columns = ["first", "second", "overlap", "sd", "n", "expected"]
    return pd.DataFrame(rows, columns=columns)


def draw(shown: Shown, target: Overlap) -> tuple[Figure, pd.DataFrame]:
    """A matrix of the shares."""
    numbers = tabulate(shown, target)
    names = list(dict.fromkeys(numbers["first"]))
    table = numbers.pivot(index="first", columns="second", values="overlap")
    table = table.reindex(index=names, columns=names)
    table = table.fillna(table.T)
    longest = 0.06 * max(map(len, names))
    side = min(CELL * len(names), WIDTH)
    figure = new_figure(target.title, side + 0.8 + 0.7 * longest, max(3.4, side + longest + 0.4))
    axes = figure.subplots()
    cells = table.to_numpy(dtype=float)
    mesh = axes.pcolormesh(cells, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    places = np.arange(len(names)) + 0.5
    axes.set_yticks(places, names)
    axes.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if len(names) > MOST_ANNOTATED:
        figure.colorbar(mesh, ax=axes, label="share in common", fraction=0.04, pad=0.02)
    else:
        for row, column in np.ndindex(cells.shape):
            colour = "white" if cells[row, column] > 0.6 else "0.15"
            text = f"{100 * cells[row, column]:.0f}"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour)
    add_note(figure, _note(numbers))
    return figure, numbers


def _labelled_sets(shown: Shown, target: Overlap) -> dict[str, tuple[Series, Labelled]]:
    """The series and the labelled sets, by name, in the order of the runs."""
    titles = run_titles(shown.runs)
    kinds = {name.split("/")[0] for name in shown.artefacts}
    tables = pd.concat([getattr(shown, kind) for kind in ("selections", "cycles") if kind in kinds])
    budgets = sorted(map(int, tables["budget"].unique()))
    wanted = [budget for budget in budgets if target.budgets is None or budget in target.budgets]
    alone = tables.groupby("run")["sampler"].nunique().max() == 1
    found: dict[str, tuple[Series, Labelled]] = {}
    groups = tables.groupby(["run", "sampler", "budget"], sort=False)
    for key, table in groups:
        run, sampler, budget = str(key[0]), str(key[1]), int(table["budget"].iloc[0])
        if budget not in wanted:
            continue
        parts = [titles[run], "" if alone and titles[run] else sampler_name(sampler)]
        name = " ".join(filter(None, parts)) + (f", {budget:,}" if len(wanted) > 1 else "")
        sizes = [one for one in budgets if one < budget] if target.picks == "new" else []
        bought = table[table["rank"] >= (sizes[-1] if sizes else 0)]
        sets = {
            (int(part["encoder_seed"].iloc[0]), int(part["trial"].iloc[0])): frozenset(part["id"])
            for _, part in bought.groupby(["encoder_seed", "trial"])
        }
        found[name] = (run, sampler), sets
    return found


def _next_trials(sets: Labelled) -> Labelled:
    """Give each trial the set of the next one of its encoder seed, and the last that of the first.

    All samplers have the same random numbers in a trial. Two that draw from like clusters would
    draw the same images.
    """
    found: Labelled = {}
    for seed in {seed for seed, _ in sets}:
        trials = [trial for one, trial in sorted(sets) if one == seed]
        following = [*trials[1:], trials[0]]
        found |= {(seed, a): sets[seed, b] for a, b in zip(trials, following, strict=True)}
    return found


def _paired(ours: Labelled, others: Labelled) -> list[tuple[frozenset[int], frozenset[int]]]:
    """The pairs of one encoder seed and trial; what has one alone pairs with each of the other."""
    if len(ours) == 1 or len(others) == 1:
        return [(one, other) for one in ours.values() for other in others.values()]
    return [(ours[key], others[key]) for key in ours if key in others]


def _share(one: frozenset[int], other: frozenset[int]) -> float:
    """The share of the smaller set that is in the other."""
    return len(one & other) / min(len(one), len(other))


def _note(numbers: pd.DataFrame) -> str:
    apart = numbers[numbers["first"] != numbers["second"]]
    chance = apart["expected"]
    at = f"{100 * chance.min():.0f}"
    if chance.max() - chance.min() > 0.005:
        at += f" to {100 * chance.max():.0f}"
    trials = numbers["n"].max()
    over = f"; means over {trials} trials" if trials > 1 else ""
    return f"Images in common, % of the smaller selection{over}. Two random ones share {at} %."
