"""A user's own folder of images, of any size and kind, brought to one size and kind.

Ids are positions in the sorted list of files, whichever of them can be read: the row of one that
cannot stays black, and ``skipped`` says so.
"""

import hashlib
import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.data.source import Part, Source, chunk_images
from coldstart.data.sources.decode import FORMATS, BrokenImageError, decode
from coldstart.data.sources.labels import labels_by_folder, labels_from_csv
from coldstart.data.sources.scan import PART, changed, digest_of, list_images, places_of
from coldstart.errors import ColdstartError
from coldstart.settings import Settings

log = logging.getLogger("coldstart")

DIGEST = None

AHEAD = 2
"""Chunks that are decoded while one is written."""

SPAN = 8
"""Images that a thread decodes before it asks for more."""

SHOWN = 20
"""How many of the images that are skipped the log names."""


def missing(recipe: Mapping[str, Any], settings: Settings) -> str | None:
    """Nothing is that the scan has not found already."""
    return None


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The images that were planned with or, for a recipe of labels, these.

    Raises:
        ColdstartError: the folder is not as it was when it was planned with.
    """
    places = places_of(recipe["digest"])
    if not places:
        raise changed(recipe)
    if "labels" in recipe:
        return _read_labels(recipe, *places)
    images = _Images(recipe, places[0])
    part = Part(
        PART,
        len(images.paths),
        chunks=images.chunks,
        paths=images.paths,
        skipped=lambda: images.skipped,
    )
    return Source([part], images.digest)


def _read_labels(recipe: Mapping[str, Any], root: Path, table: Path | None = None) -> Source:
    paths = [file.path for file in list_images(root)]
    labels = labels_from_csv(paths, root, table) if table else labels_by_folder(paths, root)
    if labels.digest != recipe["digest"]:
        raise changed(recipe)
    numbers = np.array(labels.numbers, np.int64)
    part = Part(PART, len(paths), lambda: iter(()), lambda: numbers, paths)
    return Source([part], lambda: labels.digest)


class _Images:
    """The images of a folder, decoded in threads: Pillow's decoders leave the lock of Python."""

    def __init__(self, recipe: Mapping[str, Any], root: Path) -> None:
        self.root, self.recipe = root, recipe
        self.files = list_images(root)
        self.paths = [file.path for file in self.files]
        if {PART: len(self.files)} != recipe["parts"]:
            raise changed(recipe)
        self.skipped: dict[int, str] = {}
        self._digests = [""] * len(self.files)

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """uint8 [n, height, width, channels], in order.

        Raises:
            ColdstartError: an image cannot be read, if that is to be fatal; or none can.
        """
        self.skipped.clear()
        shape, count = self.recipe["shape"], len(self.files)
        step = chunk_images(int(np.prod(shape)))
        waiting: deque[tuple[NDArray[np.uint8], list[Future[None]]]] = deque()
        threads = ThreadPoolExecutor(cores())
        try:
            for first in range(0, count, step):
                chunk = np.zeros((min(step, count - first), *shape), np.uint8)
                spans = range(0, len(chunk), SPAN)
                waiting.append(
                    (chunk, [threads.submit(self._fill, chunk, first, span) for span in spans])
                )
                if len(waiting) > AHEAD:
                    yield _finished(*waiting.popleft())
            while waiting:
                yield _finished(*waiting.popleft())
        finally:
            threads.shutdown(cancel_futures=True)
        self._report()

    def digest(self) -> str:
        """The digest of the bytes that were decoded.

        Raises:
            ColdstartError: it is not the one that was planned with.
        """
        found = digest_of(self.files, self._digests)
        if found != self.recipe["digest"]:
            raise changed(self.recipe)
        return found

    def _fill(self, chunk: NDArray[np.uint8], first: int, span: int) -> None:
        shape: tuple[int, int, int] = tuple(self.recipe["shape"])
        for offset in range(span, min(span + SPAN, len(chunk))):
            row = first + offset
            path = self.root / self.paths[row]
            try:
                with path.open("rb") as file:
                    self._digests[row] = hashlib.file_digest(file, "sha256").hexdigest()
                    chunk[offset] = decode(file, *shape, self.recipe["resize"])
            except OSError as error:
                raise ColdstartError(f"{path} cannot be read: {error.strerror}.") from error
            except BrokenImageError as error:
                if self.recipe["on_broken"] == "fail":
                    raise ColdstartError(
                        f"{path} {error}.\n  remedy: mend or remove the file, or let the recipe "
                        "say `on_broken: skip`."
                    ) from error
                self.skipped[row] = str(error)

    def _report(self) -> None:
        rows = sorted(self.skipped)
        for row in rows[:SHOWN]:
            log.warning("skipped: %s %s", self.root / self.paths[row], self.skipped[row])
        if rows:
            log.warning("skipped %d of %d images in %s", len(rows), len(self.files), self.root)
        if len(rows) == len(self.files):
            raise ColdstartError(
                f"None of the {len(rows)} images in {self.root} can be read. The formats are "
                f"{', '.join(FORMATS)}; {self.paths[0]} {self.skipped[0]}."
            )


def _finished(chunk: NDArray[np.uint8], parts: list[Future[None]]) -> NDArray[np.uint8]:
    for part in parts:
        part.result()
    return chunk


def cores() -> int:
    """How many cores the job was given: what numerical libraries were told."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
