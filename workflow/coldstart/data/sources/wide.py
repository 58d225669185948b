"""Wide images, of more than 8 bits a channel: their values, and their conversion to 8 bits.

A camera of 12 bits writes 16-bit files with values up to 4,095, a microscope's may end at 400, and
no field of a file states this reliably. The range of values is therefore measured over the whole
set, or given. All images share it, so that a bright image stays brighter than a dark one.
"""

import sys
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Levels = tuple[float, float]
"""The value that becomes black and the one that becomes white."""

TAILS = (0.1, 99.9)
"""Percentiles of all pixels that bound the range: a hot pixel must not decide it."""

SAMPLED = 2**22
"""Approximate number of pixels from which the range is measured; at least 64 of each image."""

BLOCK = 2**18
"""Number of values that are scaled at once: each takes eight bytes meanwhile."""

_SWAPPED = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
"""Pillow's raw modes, each with the one of the opposite byte order."""

_HEAD = 26
"""Number of first bytes of a file that identify most 8-bit images."""


def surely_narrow(file: BinaryIO) -> bool:
    """Return True if the first bytes show that an image has 8 bits: it need not be opened."""
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return len(head) == _HEAD and head[24] <= 8
    return head.startswith((b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM"))


def is_wide(image: Image.Image) -> bool:
    """Return True if an image, opened but not loaded, has more than 8 bits a channel."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F") or _is_wide_colour(image)


def _is_wide_colour(image: Image.Image) -> bool:
    raw = _raw_modes(image)
    return bool(raw) and all(
        mode.startswith(("RGB;16", "RGBX;16", "RGBA;16")) and mode[-1] in _SWAPPED for mode in raw
    )


def _raw_modes(image: Image.Image) -> list[str]:
    found = (tile.args for tile in getattr(image, "tile", ()))
    return [args if isinstance(args, str) else str(args[0]) if args else "" for args in found]


def values(image: Image.Image, file: BinaryIO) -> NDArray[Any]:
    """Read the values of a wide image: [height, width] or, in colour, [height, width, 3 or 4].

    Args:
        image: one for which ``is_wide`` was true before it was loaded.
        file: the file that it was opened from.
    """
    if image.mode not in ("RGB", "RGBA"):
        found: NDArray[Any] = np.asarray(image)
        unsigned = getattr(image, "tag_v2", {}).get(ExifTags.Base.SampleFormat, (2,)) == (1,)
        if found.dtype == np.int32 and unsigned:
            found = found.view(np.uint32)
        return found
    # Pillow keeps the upper byte of 16 bits. Read in the opposite byte order, the file gives the
    # lower byte.
    formats = (image.format,) if image.format else None
    upper: NDArray[np.uint16] = np.asarray(image).astype(np.uint16)
    file.seek(0)
    with Image.open(file, formats=formats) as again:
        again.tile = [tile._replace(args=_swapped(tile.args)) for tile in again.tile]
        lower: NDArray[np.uint8] = np.asarray(again)
    return upper << 8 | lower


def _swapped(args: Any) -> Any:
    mode = args if isinstance(args, str) else args[0]
    other = mode[:-1] + _SWAPPED[mode[-1]]
    return other if isinstance(args, str) else (other, *args[1:])


def sample(found: NDArray[Any], images: int) -> NDArray[np.float64]:
    """Sample evenly spaced pixels of one image, for ``measured``: float64 [n].

    Args:
        found: the image's values; alpha is ignored.
        images: number of images in the set.
    """
    flat = (found[..., :3] if found.ndim == 3 else found).ravel()
    step = max(1, flat.size // max(64, SAMPLED // images))
    return flat[::step].astype(np.float64)


def measured(samples: list[NDArray[np.float64]]) -> Levels:
    """Measure the range of a set, from samples of its wide images.

    Returns:
        The percentiles ``TAILS`` of the values or, if nearly all values are equal, the lowest and
        the highest value. The second number is greater than the first.
    """
    pooled = np.concatenate(samples)
    pooled = pooled[np.isfinite(pooled)]
    if not len(pooled):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(pooled, TAILS, method="nearest"))
    if low == high:
        low, high = float(pooled.min()), float(pooled.max())
    return (low, high) if low < high else (low, low + 1.0)


def eight_bits(found: NDArray[Any], levels: Levels) -> NDArray[np.uint8]:
    """Scale values so that ``levels`` become 0 and 255; clip the rest, and turn NaN black."""
    low, high = levels
    flat, scaled = found.reshape(-1), np.empty(found.size, np.uint8)
    for start in range(0, found.size, BLOCK):
        block = flat[start : start + BLOCK].astype(np.float64)
        block -= low
        block *= 255 / (high - low)
        np.nan_to_num(block, copy=False, nan=0.0)
        np.clip(block, 0, 255, out=block)
        scaled[start : start + BLOCK] = np.rint(block, out=block)
    return scaled.reshape(found.shape)
