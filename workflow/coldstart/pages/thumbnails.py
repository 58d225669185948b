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


def make_sheets(images: NDArray[np.uint8]) -> Sheets:
    """Join thumbnails of images into sheets.

    Args:
        images: uint8 [n, height, width, channels], of one or three channels.
    """
    height, width = size_of(len(images), *images.shape[1:3])
    columns, rows = max(1, ACROSS // width), max(1, ACROSS // height)
    addresses = [
        _address(images[start : start + columns * rows], height, width, columns)
        for start in range(0, len(images), columns * rows)
    ]
    return Sheets(addresses, width, height, columns, rows)


def size_of(count: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of a thumbnail: smaller of many images, and small images enlarged.

    Args:
        count: number of images.
        height: of an image.
        width: of an image.
    """
    side = math.sqrt(PIXELS / max(count, 1))
    longer = round(min(max(side, SMALLEST), LARGEST))
    scale = longer / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _address(images: NDArray[np.uint8], height: int, width: int, columns: int) -> str:
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for number, image in enumerate(images):
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        small = Image.fromarray(pixels).convert("RGB").resize((width, height))
        sheet.paste(small, (number % columns * width, number // columns * height))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
