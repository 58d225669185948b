"""Tiny ImageNet (200 classes, 64x64 pixels), from the published archive or its folder.

The publisher gives a checksum of the archive alone. In an unpacked folder the names, number and
sizes of the images and the order of the classes are checked, but not the bytes of the images.
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data import checked
from coldstart.data.download import one_at_a_time
from coldstart.data.published import File
from coldstart.data.source import Part, Source, chunk_images
from coldstart.running.settings import Settings

FOLDER = "tiny-imagenet-200"
ARCHIVE = File(
    f"{FOLDER}.zip",
    "90528d7ca1a48142e341f4ef8d21d0de",
    f"http://cs231n.stanford.edu/{FOLDER}.zip",
)
DIGEST = f"md5:{ARCHIVE.md5}"
WNIDS = "b3a72ad00186c7dfd5d8fb0316f5052713110abdbd439c97e6baddd619d465b8"
"""SHA-256 of the published wnids.txt, its lines joined by spaces."""
SIDE = 64

Read = Callable[[str], bytes]
"""Function that reads a file of the set by its name below the folder."""


def missing(recipe: Mapping[str, Any], settings: Settings) -> str | None:
    """Return a message if neither the archive nor the folder exists; else None."""
    if _archive(recipe, settings) or (settings.data_dir / FOLDER / "wnids.txt").is_file():
        return None
    return (
        f"Tiny ImageNet is not in data_dir ({settings.data_dir}).\n  looked for:\n"
        f"    {settings.data_dir / ARCHIVE.path}\n    {settings.data_dir / FOLDER}/wnids.txt\n"
        "  remedy: name the folder that has one of them (--config data_dir=...), or leave to "
        f"download the archive\n  (--config download=true), or put there {ARCHIVE.url},\n"
        "  which is read as it is"
    )


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The training images class after class, then the images of the validation set.

    Raises:
        ColdstartError: files are missing, or the set has other classes.
    """
    if settings.download and missing(recipe, settings):
        with one_at_a_time(settings.data_dir):
            if missing(recipe, settings):
                ARCHIVE.fetch(settings)
    message = missing(recipe, settings)
    if message:
        raise ColdstartError(message)
    archive = _archive(recipe, settings)
    return _zipped(recipe, archive) if archive else _unzipped(recipe, settings.data_dir / FOLDER)


def _archive(recipe: Mapping[str, Any], settings: Settings) -> Path | None:
    """Find the published archive, which a recipe of another edition cannot use."""
    found = ARCHIVE.find(settings.data_dir)
    return found.path if found and recipe["digest"] == DIGEST else None


def _zipped(recipe: Mapping[str, Any], path: Path) -> Source:
    checked.verify(path, ARCHIVE.md5)
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ColdstartError(f"{path} is no archive: {error}.") from error
    folders: dict[str, list[str]] = {}
    for name in archive.namelist():
        folder, _, file = name.removeprefix(f"{FOLDER}/").rpartition("/")
        folders.setdefault(folder, []).append(file)
    return _source(recipe, lambda name: archive.read(f"{FOLDER}/{name}"), folders.__getitem__)


def _unzipped(recipe: Mapping[str, Any], root: Path) -> Source:
    def content(name: str) -> bytes:
        try:
            return (root / name).read_bytes()
        except OSError as error:
            raise ColdstartError(f"{root / name} cannot be read: {error.strerror}.") from error

    def names(folder: str) -> list[str]:
        path = root / folder
        return [file.name for file in path.iterdir()] if path.is_dir() else []

    return _source(recipe, content, names, root)


def _source(
    recipe: Mapping[str, Any],
    content: Read,
    names: Callable[[str], list[str]],
    root: Path | None = None,
) -> Source:
    wnids = content("wnids.txt").decode().split()
    if recipe["digest"] == DIGEST:
        found = hashlib.sha256(" ".join(wnids).encode()).hexdigest()
        if found != WNIDS:
            raise ColdstartError(
                f"source `tiny-imagenet`: wnids.txt names {len(wnids)} classes that are not the "
                "200 published ones in their order. It is another edition of the set than the "
                "recipe's: write a recipe of its own for it (docs/data.md)."
            )
    numbers = {wnid: number for number, wnid in enumerate(wnids)}
    listed: dict[str, list[tuple[str, int]]] = {}
    if "train" in recipe["parts"]:
        listed["train"] = [
            (f"train/{wnid}/images/{name}", number)
            for wnid, number in numbers.items()
            for name in sorted(_images(names(f"train/{wnid}/images")), key=_position)
        ]
    if "val" in recipe["parts"]:
        rows = [
            line.split("\t") for line in content("val/val_annotations.txt").decode().splitlines()
        ]
        listed["val"] = [(f"val/images/{name}", numbers[wnid]) for name, wnid, *_ in rows]
    parts = [_part(name, images, content) for name, images in listed.items()]
    if root is None:
        return Source(parts)
    files = ["wnids.txt", *(path for images in listed.values() for path, _ in images)]
    return Source(parts, lambda: checked.files_digest({name: root / name for name in files}))


def _images(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.endswith(".JPEG")]


def _position(name: str) -> int:
    """Return the number in ``n01443537_12.JPEG``, to sort 2 before 10."""
    found = re.search(r"(\d+)\.JPEG$", name)
    return int(found.group(1)) if found else -1


def _part(name: str, images: Sequence[tuple[str, int]], content: Read) -> Part:
    def chunks() -> Iterator[NDArray[np.uint8]]:
        step = chunk_images(3 * SIDE * SIDE)
        for start in range(0, len(images), step):
            paths = [path for path, _ in images[start : start + step]]
            yield np.stack([_decode(path, content(path)) for path in paths])

    def labels() -> NDArray[np.int64]:
        return np.array([number for _, number in images], np.int64)

    return Part(name, len(images), chunks, labels, [path for path, _ in images])


def _decode(name: str, data: bytes) -> NDArray[np.uint8]:
    """Decode an image as RGB; a few are stored as grey."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise ColdstartError(f"{FOLDER}/{name} is no whole JPEG: {error}.") from error
    if pixels.shape != (SIDE, SIDE, 3):
        raise ColdstartError(
            f"{FOLDER}/{name} is {pixels.shape[0]}x{pixels.shape[1]}, not {SIDE}x{SIDE}."
        )
    return pixels
