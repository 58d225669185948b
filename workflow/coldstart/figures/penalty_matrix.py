"""Number of budgets at which each sampler beats each other one, by paired t-tests."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coldstart.config.recipes.figures.penalty_matrix import PenaltyMatrix
from coldstart.figures.data import Shown
from coldstart.figures.style import WIDE, add_note, looks, metric_title, new_figure
from coldstart.statistics import ALPHA
from coldstart.statistics.penalties import penalties

INCHES = 0.42
"""Width of a cell."""
MOST_NUMBERED = 24
"""With more samplers than this, cells have no numbers."""
GAP = 0.25
"""Distance of the means from the matrix, in cells."""


def draw(shown: Shown, target: PenaltyMatrix) -> tuple[Figure, pd.DataFrame]:
    """A heat map of the wins of each row's sampler over each column's, with means of both.

    Returns:
        The figure and winner, loser, penalty, tests and draws, as ``penalties`` describes them.
    """
    samplers = shown.samplers(target)
    values = shown.compared(target)
    runs = values["run"].nunique()
    numbers = penalties(values, samplers)
    table = numbers.pivot(index="winner", columns="loser", values="penalty")
    table = table.reindex(index=samplers, columns=samplers)
    cells, k = table.to_numpy(dtype=float), len(samplers)
    width = min(WIDE, 2.0 + INCHES * (k + 1))
    figure = new_figure(target.title, 1.6 + 0.24 * (k + 1), width)
    size = 7.0 if width < WIDE else 4.5 if k <= MOST_NUMBERED else 0.0
    axes = figure.subplots()
    names = [look.name for look in (looks(samplers)[sampler] for sampler in samplers)]
    most = float(runs)
    _patch(axes, cells, 0, 0, most, size)
    _patch(axes, _means(cells, axis=1)[:, None], k + GAP, 0, most, size)
    _patch(axes, _means(cells, axis=0)[None], 0, k + GAP, most, size)
    places = [*(at + 0.5 for at in range(k)), k + GAP + 0.5]
    axes.set_xlim(0, k + GAP + 1)
    axes.set_ylim(k + GAP + 1, 0)
    axes.set_yticks(places, [*names, "is beaten"])
    if k > MOST_NUMBERED:
        axes.set_xticks(places, [*names, "beats"], rotation=90, fontsize=5.5)
    else:
        axes.set_xticks(places, [*names, "beats"], rotation=35, ha="left", rotation_mode="anchor")
    axes.xaxis.set_ticks_position("top")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    add_note(figure, _note(target, numbers, runs))
    return figure, numbers


def _means(cells: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Means over the other samplers that were tested; NaN if none was."""
    tested = ~np.isnan(cells)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = np.nansum(cells, axis=axis) / tested.sum(axis=axis)
    return means


def _patch(
    axes: Axes, cells: NDArray[np.float64], left: float, top: float, most: float, size: float
) -> None:
    """Draw cells with their numbers; cells without one are grey."""
    height, width = cells.shape
    x, y = left + np.arange(width + 1), top + np.arange(height + 1)
    axes.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(cells),
        cmap=matplotlib.colormaps["Blues"].with_extremes(bad="0.96"),
        vmin=0,
        vmax=most,
        edgecolors="white",
        linewidth=0.8,
    )
    for row, column in np.ndindex(cells.shape):
        value = cells[row, column]
        if size and not np.isnan(value):
            axes.text(
                left + column + 0.5,
                top + row + 0.5,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=size,
                color="white" if value > 0.6 * most else "0.15",
            )


def _note(target: PenaltyMatrix, numbers: pd.DataFrame, runs: int) -> str:
    share = "Share" if runs == 1 else f"Sum over {runs} runs of the shares"
    tested = numbers[numbers["tests"] > 0]
    if tested.empty:
        return "Every sampler has one encoder seed and one trial: there is no test."
    fewest, most = tested["draws"].min(), tested["draws"].max()
    draws = f"{most}" if fewest == most else f"{fewest} to {most}"
    text = (
        f"{share} of the numbers of labels at which the row's sampler has a higher "
        f"{metric_title(target.metric)} than the column's (paired t-tests over {draws} trials, "
        f"{ALPHA:.2f}, not corrected); last row and column: means."
    )
    return text + (" Grey: both have one trial." if len(tested) < len(numbers) else "")
