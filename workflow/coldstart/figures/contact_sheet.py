"""The first images that each sampler picked, in order."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coldstart.config.recipes.figures.contact_sheet import ContactSheet
from coldstart.figures.data import Shown
from coldstart.figures.style import (
    GREY,
    NARROW,
    NOTE_SIZE,
    WIDE,
    add_note,
    looks,
    new_figure,
    run_titles,
)

SIDE = 96
"""Images are enlarged to at least this many pixels a side, so that no viewer smooths them."""
GAP = 0.06
"""Space between images, as a share of their size."""
LABELS = 1.05
"""Inches for the samplers' names."""
LARGEST = 0.32
"""Largest width of an image, in inches."""
MOST_NUMBERED = 20
"""With more columns than this, only every fifth has a number."""


def draw(shown: Shown, target: ContactSheet) -> tuple[Figure, pd.DataFrame]:
    """A row of images per sampler, from the first encoder seed and trial 0.

    If a sampler's picks depend on the budget, those of the smallest sufficient budget are shown.

    Returns:
        The figure and run, encoder_seed, sampler, budget, rank (from 1) and id of each image.
    """
    numbers = first_picks(shown.selections, target.count)
    titles = run_titles(shown.runs)
    rows = {run: numbers.loc[numbers["run"] == run, "sampler"].nunique() for run in shown.runs}
    width = min(WIDE, max(NARROW, LABELS + LARGEST * target.count))
    size = (width - LABELS) / target.count
    height = size * sum(rows.values()) + 0.4 + (0.22 if len(rows) == 1 else 0.42) * len(rows)
    figure = new_figure(target.title, height, width)
    grid = figure.subplots(len(rows), 1, squeeze=False, height_ratios=list(rows.values()))
    for axes, run in zip(grid[:, 0], rows, strict=True):
        _sheet(axes, shown, run, numbers[numbers["run"] == run])
        axes.set_title(titles[run], loc="left")
    add_note(figure, "In the order in which they were picked; first encoder seed and trial.")
    return figure, numbers


def first_picks(picks: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first ``count`` picks of each run and sampler."""
    runs = picks.groupby("run")
    picks = picks[
        (picks["encoder_seed"] == runs["encoder_seed"].transform("first"))
        & (picks["trial"] == 0)
        & (picks["budget"] >= count)
        & (picks["rank"] < count)
    ]
    smallest = picks.groupby(["run", "sampler"])["budget"].transform("min")
    picks = picks[picks["budget"] == smallest].assign(rank=lambda table: table["rank"] + 1)
    columns = ["run", "encoder_seed", "sampler", "budget", "rank", "id"]
    return picks[columns].reset_index(drop=True)


def _sheet(axes: Axes, shown: Shown, run: str, picks: pd.DataFrame) -> None:
    samplers = [s for s in shown.runs[run]["samplers"] if s in set(picks["sampler"])]
    table = picks.pivot(index="sampler", columns="rank", values="id").loc[samplers]
    images = shown.images(run, table.to_numpy().reshape(-1))
    mosaic = arrange(images.reshape(*table.shape, *images.shape[1:]))
    rows, columns = table.shape
    axes.imshow(
        mosaic.squeeze(-1) if mosaic.shape[-1] == 1 else mosaic,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="none",
        extent=(0, columns, rows, 0),
    )
    look = looks(samplers)
    axes.set_yticks(np.arange(rows) + 0.5, [look[sampler].name for sampler in samplers])
    every = 1 if columns <= MOST_NUMBERED else 5
    ranks = [rank for rank in range(1, columns + 1) if rank == 1 or rank % every == 0]
    axes.set_xticks([rank - 0.5 for rank in ranks], map(str, ranks), fontsize=NOTE_SIZE, color=GREY)
    axes.tick_params(length=0, pad=2, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def arrange(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images side by side on white, enlarged by whole pixels.

    Args:
        images: uint8 [rows, columns, height, width, channels].

    Returns:
        uint8 [rows * (height + gap), columns * (width + gap), channels] at the enlarged size; half
        the gap stands on each side of an image.
    """
    factor = -(-SIDE // max(images.shape[2:4]))
    large = images.repeat(factor, axis=2).repeat(factor, axis=3)
    margin = max(1, round(GAP * max(large.shape[2:4]) / 2))
    edges = [(0, 0), (0, 0), (margin, margin), (margin, margin), (0, 0)]
    padded = np.pad(large, edges, constant_values=255)
    rows, columns, height, width, channels = padded.shape
    return padded.swapaxes(1, 2).reshape(rows * height, columns * width, channels)
