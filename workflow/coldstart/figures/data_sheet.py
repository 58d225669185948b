"""The data sheet of a pool: images per class and split, examples, statistics and provenance."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coldstart.config.recipes.figures.data_sheet import DataSheet
from coldstart.config.recipes.pools import SPLITS
from coldstart.data.unclassed import UNLABELLED
from coldstart.figures.contact_sheet import arrange
from coldstart.figures.data import CLASSLESS, Shown
from coldstart.figures.style import GREY, NOTE_SIZE, WIDE, add_note, new_figure, shortened
from coldstart.training.images import Images, channel_statistics

MOST_CLASSES = 24
"""Classes that are shown, evenly spaced, if there are more; the CSV has all."""
EXAMPLES = 8
"""Images of each class."""
ROW = 0.27
"""Inches for a class."""
EVERYTHING = "images"
"""The one row of a data set without classes."""


def draw(shown: Shown, target: DataSheet) -> tuple[Figure, pd.DataFrame]:
    """A column of bars for each split, a row for each class, and examples of the candidates.

    Returns:
        The figure and pool, split, label, class and images (their number).
    """
    (pool,) = shown.runs
    index = shown.index(pool)
    labelled = index.assign(label=shown.known_labels(pool, index["id"].to_numpy()))
    numbers = _counts(labelled, pool, shown.class_names(pool))
    rows = _rows(numbers)
    splits = [split for split in SPLITS if split in set(numbers["split"])]
    figure = new_figure(target.title, 1.3 + ROW * len(rows), WIDE)
    widths = [1.0] * len(splits) + [ROW * EXAMPLES]
    grid = figure.subplots(1, len(splits) + 1, width_ratios=widths)
    for axes, split in zip(grid, splits, strict=False):
        _bars(axes, numbers[numbers["split"] == split], rows)
    names = dict(zip(numbers["label"], numbers["class"], strict=True))
    grid[0].set_yticks(np.arange(len(rows)) + 0.5, [shortened(names[label]) for label in rows])
    _examples(grid[-1], shown, pool, labelled[labelled["split"] == "candidates"], rows)
    add_note(figure, _note(shown, pool, index, len(names) - len(rows)))
    return figure, numbers


def _counts(labelled: pd.DataFrame, pool: str, classes: list[str]) -> pd.DataFrame:
    counts = labelled.groupby(["split", "label"]).size().rename("images").reset_index()
    classless = CLASSLESS if classes else {UNLABELLED: EVERYTHING}
    names = [classes[label] if label >= 0 else classless[label] for label in counts["label"]]
    counts.insert(2, "class", names)
    counts.insert(0, "pool", pool)
    return counts


def _rows(numbers: pd.DataFrame) -> list[int]:
    """Return the labels of the rows: of classes, then of outliers and of unlabelled images."""
    found = set(numbers["label"])
    labels = sorted(label for label in found if label >= 0)
    if len(labels) > MOST_CLASSES:
        labels = [labels[at] for at in np.linspace(0, len(labels) - 1, MOST_CLASSES, dtype=int)]
    return labels + [label for label in CLASSLESS if label in found]


def _bars(axes: Axes, numbers: pd.DataFrame, rows: list[int]) -> None:
    counts = numbers.set_index("label")["images"]
    values = [int(counts.get(label, 0)) for label in rows]
    most = max(values)
    axes.barh(np.arange(len(rows)) + 0.5, values, height=0.72, color="#9ec5e8")
    for row, value in enumerate(values):
        axes.text(0.02 * most, row + 0.5, f"{value:,}", va="center", fontsize=NOTE_SIZE)
    axes.set_title(f"{numbers['split'].iloc[0]}\n{counts.sum():,}", loc="left")
    axes.set(xlim=(0, most * 1.02), ylim=(len(rows), 0), yticks=[], xticks=[])
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def _examples(
    axes: Axes, shown: Shown, pool: str, candidates: pd.DataFrame, rows: list[int]
) -> None:
    chosen = [
        _evenly(candidates.loc[candidates["label"] == label, "id"].to_numpy()) for label in rows
    ]
    some = shown.images(pool, np.concatenate(chosen))
    sheet = np.full((len(rows), EXAMPLES, *some.shape[1:]), 255, dtype=np.uint8)
    start = 0
    for row, ids in enumerate(chosen):
        sheet[row, : len(ids)] = some[start : start + len(ids)]
        start += len(ids)
    mosaic = arrange(sheet)
    axes.imshow(
        mosaic.squeeze(-1) if mosaic.shape[-1] == 1 else mosaic,
        cmap="gray",
        vmin=0,
        vmax=255,
        interpolation="none",
        extent=(0, EXAMPLES, len(rows), 0),
        aspect="auto" if len(rows) > 1 else "equal",
    )
    axes.set_title("candidates, evenly spaced\n", loc="left", color=GREY)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _evenly(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    count = min(EXAMPLES, len(ids))
    return ids[np.linspace(0, max(0, len(ids) - 1), count, dtype=int)]


def _note(shown: Shown, pool: str, index: pd.DataFrame, left_out: int) -> str:
    images = shown.all_images(pool)
    unlabeled = np.sort(index.loc[index["split"] == "unlabeled", "id"].to_numpy())
    mean, std = channel_statistics(Images(images, unlabeled))
    numbers = [", ".join(f"{value:.3f}" for value in values) for values in (mean, std)]
    height, width, channels = images.shape[1:]
    about = shown.runs[pool]
    return (
        f"{about['dataset']}, {about['digest']}; {height} x {width} x {channels}. Unlabeled "
        f"images: mean {numbers[0]}, standard deviation {numbers[1]}. Images "
        f"{shown.artefacts[f'images/{pool}'].key[:12]}, pool "
        f"{shown.artefacts[f'index/{pool}'].key[:12]}."
        + (f" {left_out} more classes are not shown." if left_out else "")
    )
