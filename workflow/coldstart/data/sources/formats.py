"""Formats of image files: endings of their names, and those that this installation reads."""

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
"""Pillow's name of each format, and the endings of its files' names, in either case."""

SHOWN_BY_BROWSERS = frozenset({"JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF"})
"""Formats that a labelling tool in a browser can show."""

_OPTIONAL = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000"}
"""Formats that a build of Pillow may lack, with Pillow's names of these features."""

# Pillow's limits are 1 MiB and 64 MiB, which colour profiles and processing histories exceed. The
# texts are not used; a limit keeps small files from filling the memory.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, 2**26)
PngImagePlugin.MAX_TEXT_MEMORY = max(PngImagePlugin.MAX_TEXT_MEMORY, 2**27)


@cache
def formats() -> tuple[str, ...]:
    """Return the formats that can be read here. No other decoder is ever tried."""
    found = [name for name in ENDINGS if name != "HEIF" and _has(name)]
    if reads_heif():
        found.append("HEIF")
    return tuple(found)


def _has(name: str) -> bool:
    return name not in _OPTIONAL or bool(features.check(_OPTIONAL[name]))


@cache
def reads_heif() -> bool:
    """Register the optional package pillow-heif with Pillow; False if it is not installed."""
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def format_of(path: str) -> str | None:
    """Return the format of a file by its name; None if the name is not that of an image."""
    for name, known in ENDINGS.items():
        if path.lower().endswith(known):
            return name
    return None


@cache
def endings() -> tuple[str, ...]:
    """Return the endings, in lower case, of the names of files that can be read here."""
    return tuple(ending for name in formats() for ending in ENDINGS[name])
