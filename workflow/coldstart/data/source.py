"""The protocol between a reader of images and ingest.

A reader is a module of ``coldstart.data.sources``, with the name of the recipe's ``source`` (``-``
becomes ``_``). Its recipe is a sub-class of ``Dataset`` in the module of
``coldstart.config.recipes.datasets`` of the same name. The reader has:

``missing(recipe, settings) -> str | None``
    A message that names the missing files, where they were looked for, and the remedy; None if
    nothing is missing. It is called while Snakemake plans, so it is quick and imports no torch.

``read(recipe, settings) -> Source``
    The set and its parts. It opens files and counts images but decodes nothing: images are decoded
    while a part's ``chunks`` are iterated over, labels when its ``labels`` are called. If the
    recipe's ``digest`` is ``DIGEST``, the files are checked against the publisher's checksums.

``DIGEST: str | None``
    The digest of the published edition; None if no digest was published. For any other edition,
    ingest compares the source's ``digest()`` with the recipe's ``digest``.

``recipe`` is ``Dataset.images_recipe()`` in the stage ``images``, without ``classes`` and without
the choice of labels, and the whole ``Dataset.labels_recipe()`` in the stage ``labels``.
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
"""Approximate size of a chunk in bytes."""


@dataclass(frozen=True)
class Part:
    """One of the publisher's parts, such as ``train``, in the publisher's order.

    Attributes:
        name: as the recipe's ``parts`` name it.
        count: number of its images.
        chunks: opens the part anew and yields arrays, uint8 [n, height, width, channels], with
            ``count`` images in all.
        labels: reads the labels, int64 [count], from 0, and UNLABELLED for an image without one;
            None for a part without labels.
        paths: path of each image's file below the set's folder, [count]; None if images are not in
            files of their own.
        skipped: called after all chunks were read: the reason why an image could not be read, by
            its row in the part. Such a row is black.
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
        parts: in order; the images of the first part have the lowest ids.
        digest: returns ``sha256:...`` of the files' bytes. It is called in both stages, after all
            chunks or labels were read, unless the recipe is of the published edition. None if only
            the published edition can be read.
        notes: called after all chunks were read: the content of ``notes.json``.
    """

    parts: Sequence[Part]
    digest: Callable[[], str] | None = None
    notes: Callable[[], Mapping[str, Any]] = dict


class Reader(Protocol):
    """A module of ``coldstart.data.sources``."""

    DIGEST: str | None

    def missing(self, recipe: Mapping[str, Any], settings: Settings) -> str | None:
        """Return a message about missing files and the remedy; None if nothing is missing."""

    def read(self, recipe: Mapping[str, Any], settings: Settings) -> Source:
        """Open the set."""


def reader(source: str) -> Reader:
    """Return the reader of a recipe's ``source``."""
    return cast(Reader, importlib.import_module(SOURCES.module_named(source)))


def chunk_images(image_bytes: int) -> int:
    """Return the number of images of this size in a chunk."""
    return max(1, CHUNK_BYTES // image_bytes)


def in_chunks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield an array [n, ...] in chunks."""
    step = chunk_images(math.prod(images.shape[1:]))
    for start in range(0, len(images), step):
        yield images[start : start + step]


def whole_images(piece: bytes, image_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes of complete images, [n * image_bytes].

    A file that ends within an image then has fewer images than it states, which ingest reports.
    """
    return np.frombuffer(piece[: len(piece) // image_bytes * image_bytes], np.uint8)
