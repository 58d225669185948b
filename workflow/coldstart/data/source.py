"""The protocol between a reader of images and ingest.

A reader is a module of ``coldstart.data.sources``, with the name of the recipe's ``source`` (``-``
becomes ``_``). Its recipe is a sub-class of ``Dataset`` in the module of
``coldstart.config.recipes.datasets`` of the same name. The reader has:

``missing(recipe, settings) -> str | None``
    What is not there, where it was looked for and what to do; None if nothing is missing. It is
    asked while Snakemake plans, so it is quick and imports no torch.

``read(recipe, settings) -> Source``
    The parts. It opens and counts but decodes nothing: images are decoded when a part's ``chunks``
    are iterated over, labels when its ``labels`` are called. It checks what it reads against the
    publisher's checksums where the recipe's ``digest`` is its ``DIGEST``.

``DIGEST: str | None``
    The digest of the published edition; None where nobody published one. Of every other edition,
    ingest holds the source's ``digest()`` against the recipe's ``digest``.

``recipe`` is ``Dataset.images_recipe()`` in the stage of the images, which has no ``classes`` and
no choice of labels, and ``Dataset.labels_recipe()`` in the stage of the labels, which has all;
``settings.data_dir`` is where image sets lie. A user's mistake is a ``ColdstartError``.
"""

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.datasets import SOURCES
from coldstart.running.settings import Settings

CHUNK_BYTES = 2**24
"""About how many bytes of pixels a chunk has."""


@dataclass(frozen=True)
class Part:
    """One of the publisher's parts, such as ``train``, in the publisher's order.

    Attributes:
        name: as the recipe's ``parts`` name it.
        count: how many images it has.
        chunks: opens the part anew: arrays of uint8 [n, height, width, channels], of any ``n``,
            together ``count`` images.
        labels: reads the labels, int64 [count], from 0, and UNLABELLED for an image without one;
            None for a part without labels.
        paths: the image's file below the set's folder, [count]; None where images are no files.
        skipped: asked after all chunks: why an image could not be read, by its row in the part;
            the row is black.
    """

    name: str
    count: int
    chunks: Callable[[], Iterator[NDArray[np.uint8]]]
    labels: Callable[[], NDArray[np.int64]] | None = None
    paths: Sequence[str] | None = None
    skipped: Callable[[], Mapping[int, str]] = dict


@dataclass(frozen=True)
class Source:
    """A set of images as its publisher orders it; the row number over all parts is the id.

    Attributes:
        parts: in order; what comes first has the lowest ids.
        digest: ``sha256:...`` of the files' bytes, asked in both stages after all chunks (of the
            images) or labels were read, and only for another edition than the published one. None
            for a set of which only the published edition can be read.
        notes: asked after all chunks: the content of ``notes.json``.
    """

    parts: Sequence[Part]
    digest: Callable[[], str] | None = None
    notes: Callable[[], Mapping[str, Any]] = dict


class Reader(Protocol):
    """A module of ``coldstart.data.sources``."""

    DIGEST: str | None

    def missing(self, recipe: Mapping[str, Any], settings: Settings) -> str | None:
        """Name what is not there and the remedy."""

    def read(self, recipe: Mapping[str, Any], settings: Settings) -> Source:
        """The set, opened."""


def reader(source: str) -> Reader:
    """The reader of a recipe's ``source``."""
    return cast(Reader, importlib.import_module(SOURCES.module_named(source)))


def chunk_images(image_bytes: int) -> int:
    """Number of images of this size that make a chunk."""
    return max(1, CHUNK_BYTES // image_bytes)


def in_chunks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """An array [n, ...] in pieces of a chunk's size."""
    step = chunk_images(math.prod(images.shape[1:]))
    for start in range(0, len(images), step):
        yield images[start : start + step]


def whole_images(piece: bytes, image_bytes: int) -> NDArray[np.uint8]:
    """The bytes of the images that are there to the end, [n * image_bytes].

    A file that ends within an image so has fewer images than it says, which ingest reports.
    """
    return np.frombuffer(piece[: len(piece) // image_bytes * image_bytes], np.uint8)
