"""The IDX files of MNIST and of sets in its format, packed with gzip or not."""

import gzip
import io
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data import checked
from coldstart.data.published import File, Found, PublishedSet, own_digest
from coldstart.data.source import Part, Source, chunk_images, whole_images
from coldstart.running.settings import Settings

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""Files of images and labels of each part."""


def published(
    title: str,
    page: str,
    folder: str,
    base: str,
    packed: Mapping[str, str],
    unpacked: Mapping[str, str | None],
) -> PublishedSet:
    """Describe the files of a set.

    Args:
        title: its usual name.
        page: where its publisher describes it.
        folder: where its files lie below ``data_dir``.
        base: address of the folder with its files.
        packed: file name without ``.gz`` -> published MD5 of the file with ``.gz``.
        unpacked: file name -> MD5 of the file unpacked, where it is known.
    """

    def file(name: str) -> File:
        return File(
            f"{folder}/{name}.gz",
            packed[name],
            f"{base}{name}.gz",
            also={f"{folder}/{name}": unpacked.get(name)},
        )

    return PublishedSet(
        title, page, {part: [file(name) for name in names] for part, names in FILES.items()}
    )


def read(published: PublishedSet, recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The 60,000 training images, then the 10,000 test images, in the published order."""
    opened = published.open(recipe, settings)
    return Source([_part(*item) for item in opened.items()], lambda: own_digest(opened))


def _part(name: str, files: Sequence[Found]) -> Part:
    pixels, numbers = files
    with _unpacked(pixels.path) as file:
        count, height, width = _header(file, 3, pixels.path)

    def chunks() -> Iterator[NDArray[np.uint8]]:
        checked.verify(pixels.path, pixels.md5)
        image = height * width
        with _unpacked(pixels.path) as file:
            _header(file, 3, pixels.path)
            while piece := file.read(chunk_images(image) * image):
                yield whole_images(piece, image).reshape(-1, height, width, 1)

    def labels() -> NDArray[np.int64]:
        content = checked.content(numbers.path, numbers.md5)
        if numbers.path.suffix == ".gz":
            content = gzip.decompress(content)
        _header(io.BytesIO(content), 1, numbers.path)
        return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)

    return Part(name, count, chunks, labels)


def _unpacked(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _header(file: Any, axes: int, path: Path) -> tuple[int, ...]:
    """Return the shape that the header states."""
    magic, *shape = struct.unpack(f">{1 + axes}I", file.read(4 + 4 * axes))
    if magic != 0x800 + axes:
        raise ColdstartError(f"{path} is no IDX file of bytes with {axes} axes.")
    return tuple(shape)
