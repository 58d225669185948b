"""Kinds of image files: how they are named, and which of them this installation reads."""

import importlib
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from PIL import PngImagePlugin, features

ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
        "PNG": (".png",),
        "WEBP": (".webp",),
        "TIFF": (".tif", ".tiff"),
        "BMP": (".bmp",),
        "GIF": (".gif",),
        "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
        "AVIF": (".avif",),
        "JPEG2000": (".jp2", ".j2k", ".jpx"),
        "HEIF": (".heic", ".heif", ".hif"),
    }
)
"""Pillow's name of each format, and how its files' names end, in upper or lower case."""

SHOWN_BY_BROWSERS = frozenset({"JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF"})
"""Formats that a labelling tool in a browser can show."""

_OPTIONAL = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}
"""Formats that a build of Pillow may lack, and its names for these features."""

# The limits are 1 MiB and 64 MiB, which a colour profile or the record of how an image was made
# exceeds. The text is not used; a bound keeps a small file from filling the memory.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, 2**26)
PngImagePlugin.MAX_TEXT_MEMORY = max(PngImagePlugin.MAX_TEXT_MEMORY, 2**27)


@cache
def formats() -> tuple[str, ...]:
    """The formats that can be read here. No other decoder is ever tried."""
    found = [name for name in ENDINGS if name != "HEIF" and _has(name)]
    if reads_heif():
        found.append("HEIF")
    return tuple(found)


def _has(name: str) -> bool:
    return name not in _OPTIONAL or bool(features.check(_OPTIONAL[name]))


@cache
def reads_heif() -> bool:
    """Tell Pillow of the optional package pillow-heif; False where it is not installed."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def format_of(path: str) -> str | None:
    """The format that a file has by its name; None for no image."""
    for name, known in ENDINGS.items():
        if path.lower().endswith(known):
            return name
    return None


@cache
def endings() -> tuple[str, ...]:
    """Endings, in lower case, of the names of files that can be read here."""
    return tuple(ending for name in formats() for ending in ENDINGS[name])
