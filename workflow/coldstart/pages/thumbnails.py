"""Small copies of many images, joined into few pictures that a page holds within itself."""

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PIXELS = 30_000_000
"""Pixels of all thumbnails together at most: about 10 MB as JPEG."""

SMALLEST, LARGEST = 24, 72
"""Pixels of the longer side of a thumbnail."""

ACROSS = 2_000
"""Pixels of a sheet's sides at most: each browser, also a telephone's, shows such pictures."""

QUALITY = 80


@dataclass(frozen=True)
class Sheets:
    """Sheets of thumbnails: number i is on sheet ``i // (columns * rows)``, row by row.

    Attributes:
        addresses: each sheet as a ``data:`` address of a JPEG.
        width: pixels of a thumbnail.
        height: pixels of a thumbnail.
        columns: thumbnails in a row of a sheet.
        rows: rows of a sheet.
    """

    addresses: list[str]
    width: int
    height: int
    columns: int
    rows: int


def make_thumbnails(images: NDArray[np.uint8], ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Make a copy of each image in one size: the more images there are, the smaller.

    Args:
        images: of a whole data set, uint8 [m, height, width, channels], of one or three channels;
            one is read at a time, so that they may be a file.
        ids: rows of those that are wanted, int64 [n].

    Returns:
        uint8 [n, height, width, 3].
    """
    height, width = _size(len(ids), *images.shape[1:3])
    small = np.empty((len(ids), height, width, 3), dtype=np.uint8)
    for place, row in enumerate(ids):
        pixels = images[row, ..., 0] if images.shape[-1] == 1 else images[row]
        small[place] = np.asarray(Image.fromarray(pixels).convert("RGB").resize((width, height)))
    return small


def make_sheets(thumbnails: NDArray[np.uint8]) -> Sheets:
    """Join thumbnails into sheets.

    Args:
        thumbnails: uint8 [n, height, width, 3].
    """
    height, width = thumbnails.shape[1:3]
    columns, rows = max(1, ACROSS // width), max(1, ACROSS // height)
    addresses = [
        _address(thumbnails[start : start + columns * rows], columns)
        for start in range(0, len(thumbnails), columns * rows)
    ]
    return Sheets(addresses, width, height, columns, rows)


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """The bytes of a JPEG.

    Args:
        pixels: uint8 [height, width, 3].
    """
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _size(count: int, height: int, width: int) -> tuple[int, int]:
    side = math.sqrt(PIXELS / max(count, 1))
    longer = round(min(max(side, SMALLEST), LARGEST))
    scale = longer / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _address(thumbnails: NDArray[np.uint8], columns: int) -> str:
    """One sheet: thumbnails row by row, and black where the last row ends early."""
    count, height, width, channels = thumbnails.shape
    rows = math.ceil(count / columns)
    cells = np.zeros((rows * columns, height, width, channels), dtype=np.uint8)
    cells[:count] = thumbnails
    grid = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    sheet = jpeg(grid.reshape(rows * height, columns * width, channels))
    return "data:image/jpeg;base64," + base64.b64encode(sheet).decode("ascii")
