"""One image file, of whatever kind, as an array of the size and channels that a set has.

The rules, all of them part of what an image is: EXIF orientation is applied; of an animation or a
file of many pages the first is taken; alpha is composited on white; 16 bits are scaled to 8; CMYK
becomes RGB by Pillow's plain formula and colour profiles are left out; grey is ITU-R 601 luma.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from coldstart.config.folders import Resize

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""The formats that are read, as Pillow names them. No other decoder is ever tried."""

GAP = 2.0
"""How many times the target's size an image keeps when it is first reduced by whole numbers, which
is fast; the exact resampling follows (the meaning of Pillow's argument of this name)."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation."""


class Room:
    """What may be in memory at a time, so that a folder of large images does not fill it."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room; what is larger than all of it has it alone."""
        pixels = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= pixels)
            self._free -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._free += pixels
                self._changed.notify_all()


ROOM = Room(2**26)
"""A pixel takes 4 bytes, and up to 12 while it is brought to a plain kind."""


class BrokenImageError(Exception):
    """A file is no image that can be read; the message says why, without the file's name."""


def decode(
    file: BinaryIO, height: int, width: int, channels: int, resize: Resize
) -> NDArray[np.uint8]:
    """The image in a file, from its start: uint8 [height, width, channels].

    ``crop`` covers the target, bilinear with antialias, and cuts the centre out; ``squash``
    changes the aspect ratio; ``pad`` fits the image into the target, black around it.

    Raises:
        BrokenImageError: it is none, or damaged, or of a kind without a clear meaning.
    """
    file.seek(0)
    if not file.read(1):
        raise BrokenImageError("is empty (0 bytes)")
    file.seek(0)
    try:
        with Image.open(file, formats=FORMATS) as image:
            upright = _render(image, height, width, "L" if channels == 1 else "RGB", resize)
    except (BrokenImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise BrokenImageError(f"is no {', '.join(FORMATS)} image, or a damaged one") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise BrokenImageError(f"has more than {limit:,} pixels, Pillow's limit") from error
    except Exception as error:  # decoders raise many kinds for damaged files
        raise BrokenImageError(f"cannot be decoded: {error}") from error
    return np.asarray(upright).reshape(height, width, channels)


def _render(image: Image.Image, height: int, width: int, mode: str, resize: Resize) -> Image.Image:
    # Pillow turns TIFFs itself, when it loads them.
    orientation = 1 if image.format == "TIFF" else image.getexif().get(ExifTags.Base.Orientation, 1)
    target = (height, width) if orientation in (5, 6, 7, 8) else (width, height)
    whole = _resized(image.size, target, resize)
    # JPEG alone can decode a smaller image straight away; for all else this does nothing.
    image.draft(None, (_at_least_one(whole[0] * GAP), _at_least_one(whole[1] * GAP)))
    with ROOM.taken(image.width * image.height):
        plain = _plain(image, mode)
        # What lies outside of the target is left out, half on each side.
        left = plain.width * max(0.0, 1 - target[0] / whole[0]) / 2
        top = plain.height * max(0.0, 1 - target[1] / whole[1]) / 2
        resized = plain.resize(
            (_at_least_one(min(whole[0], target[0])), _at_least_one(min(whole[1], target[1]))),
            Image.Resampling.BILINEAR,
            (left, top, plain.width - left, plain.height - top),
            reducing_gap=GAP,
        )
    turned = resized.transpose(_TURNS[orientation]) if orientation in _TURNS else resized
    if resize != "pad":
        return turned
    canvas = Image.new(mode, (width, height))
    canvas.paste(turned, ((width - turned.width) // 2, (height - turned.height) // 2))
    return canvas


def _resized(size: tuple[int, int], target: tuple[int, int], resize: Resize) -> tuple[float, float]:
    """Width and height of the whole image once it is resized; with ``crop`` it is cut after."""
    if resize == "squash":
        return target
    ratios = (target[0] / size[0], target[1] / size[1])
    ratio = max(ratios) if resize == "crop" else min(ratios)
    return size[0] * ratio, size[1] * ratio


def _at_least_one(length: float) -> int:
    return max(1, round(length))


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """The first frame, 8 bits and opaque, in the mode ``L`` or ``RGB``."""
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.mode in ("I", "F"):
        raise BrokenImageError(
            "has signed, 32-bit or floating-point pixels, whose range nobody says: "
            "save it with 8 or 16 bits and no sign"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        image = canvas
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey image of 12 or 16 bits, scaled to 8; its transparent level becomes white."""
    levels = np.asarray(image).astype(np.uint32)
    tags: Any = getattr(image, "tag_v2", {})
    top = 2 ** tags.get(ExifTags.Base.BitsPerSample, (16,))[0] - 1
    grey = ((levels * 255 + top // 2) // top).astype(np.uint8)
    if "transparency" in image.info:
        grey[levels == image.info["transparency"]] = 255
    return Image.fromarray(grey)
