"""The first images that one sampler picked, each with its rank and the name of its file."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from coldstart.common.texts import printable
from coldstart.config.recipes.figures.image_grid import ImageGrid
from coldstart.data.read import read_notes
from coldstart.data.sources.decode import BrokenImageError, decode
from coldstart.figures.contact_sheet import arrange, first_picks
from coldstart.figures.data import Shown
from coldstart.figures.style import GREY, WIDE, add_note, looks, new_figure
from coldstart.running.places import places_of

COLUMNS = 8
SIDE = 160
"""Pixels of the longer side of an image that is decoded from its file."""
NAME_SIZE = 4.5
LONGEST = 22
"""Longer names are shortened to this many characters at their end."""


def draw(shown: Shown, target: ImageGrid) -> tuple[Figure, pd.DataFrame]:
    """Rows of images in the order of their ranks.

    Images are decoded from their files if these are still where the plan found them, cropped as for
    the encoder but larger. Otherwise the stored images are shown.

    Returns:
        The figure and run, encoder_seed, sampler, budget, rank (from 1), id and path of each image.
    """
    numbers = first_picks(shown.selections, target.count)
    run, ids = str(numbers["run"].iloc[0]), numbers["id"].to_numpy()
    paths = shown.paths(run, ids)
    names = [str(number) for number in ids] if paths is None else paths
    images = _images(shown, run, ids, paths)
    rows = math.ceil(len(ids) / COLUMNS)
    cell = WIDE / COLUMNS
    height, width = images[0].shape[:2]
    figure = new_figure(target.title, rows * (cell * height / width + 0.22) + 0.5, WIDE)
    grid = figure.subplots(rows, COLUMNS, squeeze=False).reshape(-1)
    for axes in grid:
        axes.axis("off")
    for axes, rank, image, name in zip(grid, numbers["rank"], images, names, strict=False):
        _show(axes, image)
        axes.set_title(str(rank), loc="left", pad=2.0, fontsize=6.5)
        # Below the axes; a name may have dollar signs, which are no formula.
        axes.text(
            0.0, -0.04, _tail(name), transform=axes.transAxes, ha="left", va="top",
            fontsize=NAME_SIZE, color=GREY, parse_math=False,
        )  # fmt: skip
    sampler = str(numbers["sampler"].iloc[0])
    add_note(figure, f"The first {len(ids)} picks of {looks([sampler])[sampler].name}, in order.")
    return figure, numbers.assign(path=names)


def _images(
    shown: Shown, run: str, ids: NDArray[np.int64], paths: list[str] | None
) -> list[NDArray[np.uint8]]:
    """Images of one shape: from the files, or from the store, enlarged by whole pixels."""
    artefact = shown.artefacts[f"images/{run}"]
    recipe = artefact.manifest["recipe"]
    roots = places_of(recipe["digest"]) if "digest" in recipe else []
    if roots and paths is not None:
        height, width, channels = recipe["shape"]
        factor = max(1.0, SIDE / max(height, width))
        size = round(height * factor), round(width * factor)
        levels = read_notes(artefact).get("levels")
        try:
            found = []
            for path in paths:
                with (roots[0] / path).open("rb") as file:
                    found.append(decode(file, *size, channels, recipe["resize"], levels))
            return found
        except (OSError, BrokenImageError):
            pass  # the files have gone since
    return [arrange(image[None, None]) for image in shown.images(run, ids)]


def _show(axes: Axes, image: NDArray[np.uint8]) -> None:
    plain = image.squeeze(-1) if image.shape[-1] == 1 else image
    axes.imshow(plain, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")


def _tail(name: str) -> str:
    return printable(name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}")
