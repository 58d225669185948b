"""Decoding of an image file of any kind into an array of the set's size and channels.

The rules are the same for every file: EXIF orientation is applied; the first frame or page is
taken; alpha is composited on white; more than 8 bits are scaled from the set's range of values;
CMYK is converted to RGB by Pillow's plain formula; colour profiles are ignored; grey is ITU-R 601
luma.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from coldstart.config.recipes.datasets.folder import Resize
from coldstart.data.sources.formats import formats
from coldstart.data.sources.wide import Levels, eight_bits, is_wide, surely_narrow, values

HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
"""Brands in the first bytes of HEIC files. Names are no guide: telephones rename such files."""

GAP = 2.0
"""Pillow's ``reducing_gap``: an image is first reduced by a whole factor, which is fast, to at
least this many times the target's size, and then resampled exactly."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Transposition that undoes each EXIF orientation."""


class Room:
    """A limit on the pixels in memory at once, for folders of large images."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until there is room; an image that is larger than the limit gets all of it."""
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
"""A pixel takes 4 bytes, and up to 12 while it is converted."""


class BrokenImageError(Exception):
    """A file is not a readable image; the message says why, without the file's name."""


@dataclass(frozen=True)
class Header:
    """Facts that a file states of its image.

    Attributes:
        wide: True if the image has more than 8 bits a channel.
        inverted: True if its lowest value is white (TIFF's PhotometricInterpretation 0).
        frames: number of frames or pages; 2 for a GIF with several.
    """

    wide: bool
    inverted: bool
    frames: int


def read_wide(file: BinaryIO) -> NDArray[np.generic] | None:
    """Return the stored values of a wide image (see ``wide.values``); None for any other image.

    Raises:
        BrokenImageError: it is none, or damaged.
    """
    file.seek(0)
    if surely_narrow(file):
        return None
    with _opened(file) as image:
        if not is_wide(image):
            return None
        with ROOM.taken(2 * image.width * image.height):
            return values(image, file)


def decode(
    file: BinaryIO,
    height: int,
    width: int,
    channels: int,
    resize: Resize,
    levels: Levels | None = None,
) -> NDArray[np.uint8]:
    """Decode the image in a file, from its start: uint8 [height, width, channels].

    ``crop`` covers the target, bilinear with antialias, and cuts the centre out; ``squash``
    changes the aspect ratio; ``pad`` fits the image into the target, black around it.

    Args:
        file: open for reading bytes.
        height: of the target, pixels.
        width: of the target, pixels.
        channels: 1 for grey, 3 for RGB.
        resize: how the image is brought to the target.
        levels: the values of a wide image that become black and white.

    Raises:
        BrokenImageError: it is none, or damaged, or wide where no ``levels`` are given.
    """
    return decode_with_header(file, height, width, channels, resize, levels)[0]


def decode_with_header(
    file: BinaryIO,
    height: int,
    width: int,
    channels: int,
    resize: Resize,
    levels: Levels | None = None,
) -> tuple[NDArray[np.uint8], Header]:
    """Decode an image as ``decode`` does; return it and its header.

    Raises:
        BrokenImageError: as in ``decode``.
    """
    with _opened(file) as image:
        header = _header(image)
        upright = _render(image, file, (width, height), channels, resize, levels, header)
    return np.asarray(upright).reshape(height, width, channels), header


@contextmanager
def _opened(file: BinaryIO) -> Iterator[Image.Image]:
    """Open an image without decoding it; every error within becomes a BrokenImageError."""
    file.seek(0)
    if not file.read(1):
        raise BrokenImageError("is empty (0 bytes)")
    file.seek(0)
    try:
        with Image.open(file, formats=formats()) as image:
            yield image
    except (BrokenImageError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        file.seek(0)
        raise BrokenImageError(_what_instead(file.read(64))) from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise BrokenImageError(f"has more than {limit:,} pixels, Pillow's limit") from error
    except Exception as error:  # decoders raise errors of many kinds for damaged files
        raise BrokenImageError(f"cannot be decoded: {error}") from error


def _what_instead(head: bytes) -> str:
    """Say by its first bytes what a file is that no decoder can open."""
    text = head.lstrip().lower()
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS: `git lfs pull` fetches the image"
    if head.startswith((b"/annex/objects/", b"../.git/annex/")):
        return "is a pointer of git-annex: `git annex get` fetches the image"
    if text.startswith((b"<!doctype html", b"<html")):
        return "is a web page, as a download that failed leaves it"
    if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
        return "is HEIC by its content: pip install 'coldstart[heif]'"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return (
            "is a damaged TIFF, or one of a kind that is not read (64 bits a channel, more than "
            "four channels): save it with 32 bits or fewer"
        )
    return f"is no {', '.join(formats())} image, or a damaged one"


def _header(image: Image.Image) -> Header:
    tags = getattr(image, "tag_v2", {})
    inverted = tags.get(ExifTags.Base.PhotometricInterpretation, 1) == 0
    return Header(is_wide(image), bool(inverted), _count_frames(image))


def _count_frames(image: Image.Image) -> int:
    try:
        if not getattr(image, "is_animated", False):
            return 1
        # Counting the frames of a GIF would decode all of them.
        return 2 if image.format == "GIF" else int(getattr(image, "n_frames", 1))
    except Exception:  # the first page can be read even if another one is damaged
        return 1
    finally:
        image.seek(0)


def _render(
    image: Image.Image,
    file: BinaryIO,
    size: tuple[int, int],
    channels: int,
    resize: Resize,
    levels: Levels | None,
    header: Header,
) -> Image.Image:
    mode = "L" if channels == 1 else "RGB"
    # Pillow applies the orientation of a TIFF itself, when it loads the image.
    orientation = 1 if image.format == "TIFF" else image.getexif().get(ExifTags.Base.Orientation, 1)
    target = size[::-1] if orientation in (5, 6, 7, 8) else size
    whole = _resized(image.size, target, resize)
    # JPEG can be decoded at a smaller size; for other formats this does nothing.
    image.draft(None, (_at_least_one(whole[0] * GAP), _at_least_one(whole[1] * GAP)))
    with ROOM.taken(image.width * image.height):
        plain = _plain(_eight_bits(image, file, levels, header) if header.wide else image, mode)
        # Crop to the target, equally on both sides.
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
    canvas = Image.new(mode, size)
    canvas.paste(turned, ((size[0] - turned.width) // 2, (size[1] - turned.height) // 2))
    return canvas


def _resized(size: tuple[int, int], target: tuple[int, int], resize: Resize) -> tuple[float, float]:
    """Return width and height of the whole resized image, before it is cropped."""
    if resize == "squash":
        return target
    ratios = (target[0] / size[0], target[1] / size[1])
    ratio = max(ratios) if resize == "crop" else min(ratios)
    return size[0] * ratio, size[1] * ratio


def _at_least_one(length: float) -> int:
    return max(1, round(length))


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Convert the first frame to 8 bits, without alpha, in the mode ``L`` or ``RGB``."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGB", image.size, "white")
        canvas.paste(image, mask=image)
        image = canvas
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(
    image: Image.Image, file: BinaryIO, levels: Levels | None, header: Header
) -> Image.Image:
    """Scale a wide image to 8 bits; the transparent level of a grey image becomes white."""
    if levels is None:
        raise BrokenImageError("has more than 8 bits a channel, and its range is not known")
    transparent = image.info.get("transparency")
    found = values(image, file)
    plain = eight_bits(found, levels)
    if header.inverted:
        plain = 255 - plain
    if found.ndim == 2 and isinstance(transparent, int):
        plain[found == transparent] = 255
    if found.ndim == 3 and found.shape[2] == 4:  # alpha goes from 0 to 65,535 whatever the levels
        plain[..., 3] = found[..., 3] >> 8
    return Image.fromarray(plain)
