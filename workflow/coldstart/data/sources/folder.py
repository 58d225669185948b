"""A user's own folder of images of any size and kind, converted to one size and kind.

Ids are positions in the sorted list of all files, readable or not. The row of an unreadable file is
black, and ``skipped`` gives the reason.
"""

import hashlib
import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.datasets.levels import MEASURED
from coldstart.data.notes import Notes
from coldstart.data.source import Part, Source, chunk_images
from coldstart.data.sources.decode import (
    BrokenImageError,
    Header,
    decode_with_header,
    read_wide,
)
from coldstart.data.sources.digests import OURS, UNREADABLE
from coldstart.data.sources.formats import formats
from coldstart.data.sources.labels import labels_by_folder, labels_from_tables
from coldstart.data.sources.listing import list_images
from coldstart.data.sources.scan import PART, changed, digest_of
from coldstart.data.sources.wide import Levels, measured, sample
from coldstart.running.places import places_of
from coldstart.running.settings import Settings

log = logging.getLogger("coldstart")

DIGEST = None

AHEAD = 2
"""Number of chunks that are decoded ahead while one is written."""

SPAN = 8
"""Number of images that a thread decodes in one task."""

SHOWN = 20
"""Number of skipped images that the log names."""


def missing(recipe: Mapping[str, Any], settings: Settings) -> str | None:
    """Return None: the scan has already checked that the folder exists."""
    return None


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """Open the images that the plan has seen or, for a recipe of labels, the labels.

    Raises:
        ColdstartError: the folder has changed since it was planned with.
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
    return Source([part], images.digest, images.notes)


def _read_labels(recipe: Mapping[str, Any], root: Path, *tables: Path) -> Source:
    paths = [file.path for file in list_images(root).images]
    labels = labels_from_tables(paths, root, *tables) if tables else labels_by_folder(paths, root)
    if labels.digest != recipe["digest"]:
        raise changed(recipe)
    numbers = np.array(labels.numbers, np.int64)
    part = Part(PART, len(paths), lambda: iter(()), lambda: numbers, paths)
    return Source([part], lambda: labels.digest)


class _Images:
    """The images of a folder, decoded in threads: Pillow's decoders release Python's lock."""

    def __init__(self, recipe: Mapping[str, Any], root: Path) -> None:
        self.root, self.recipe = root, recipe
        self.files = list_images(root).images
        self.paths = [file.path for file in self.files]
        if {PART: len(self.files)} != recipe["parts"]:
            raise changed(recipe)
        self.skipped: dict[int, str] = {}
        self._digests = [""] * len(self.files)
        self._headers: list[Header | None] = [None] * len(self.files)
        self._notes = Notes()
        self._levels: Levels | None = None

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the images in order: uint8 [n, height, width, channels].

        Raises:
            ColdstartError: no image can be read; or one cannot, and the recipe says ``fail``.
        """
        self.skipped.clear()
        self._notes = Notes()
        shape, count = self.recipe["shape"], len(self.files)
        step = chunk_images(int(np.prod(shape)))
        waiting: deque[tuple[int, NDArray[np.uint8], list[Future[None]]]] = deque()
        threads = ThreadPoolExecutor(cores())
        try:
            self._levels = self._range(threads)
            for first in range(0, count, step):
                chunk = np.zeros((min(step, count - first), *shape), np.uint8)
                spans = range(0, len(chunk), SPAN)
                filling = [threads.submit(self._fill, chunk, first, span) for span in spans]
                waiting.append((first, chunk, filling))
                if len(waiting) > AHEAD:
                    yield self._finished(*waiting.popleft())
            while waiting:
                yield self._finished(*waiting.popleft())
        finally:
            threads.shutdown(cancel_futures=True)
        self._report()

    def notes(self) -> dict[str, Any]:
        """Return the notes on the images; see ``coldstart.data.notes``."""
        known = [(path, header) for path, header in zip(self.paths, self._headers, strict=True)]
        headers = [(path, header) for path, header in known if header is not None]
        return self._notes.gathered(
            self.paths,
            levels=self._levels,
            measured=self.recipe["levels"] == MEASURED,
            wide=sum(header.wide for _, header in headers),
            inverted=sum(header.inverted for _, header in headers),
            pages={path: header.frames for path, header in headers if header.frames > 1},
        )

    def digest(self) -> str:
        """Return the digest of the bytes that were decoded.

        Raises:
            ColdstartError: it is not the one that was planned with.
        """
        found = digest_of(self.files, self._digests)
        if found != self.recipe["digest"]:
            raise changed(self.recipe)
        return found

    def _range(self, threads: ThreadPoolExecutor) -> Levels | None:
        """Return the values that become black and white; None if no image is wide."""
        spans = range(0, len(self.files), SPAN)
        found = [part for parts in threads.map(self._samples, spans) for part in parts]
        if not found:
            return None
        given = self.recipe["levels"]
        return measured(found) if given == MEASURED else (given[0], given[1])

    def _samples(self, span: int) -> list[NDArray[np.float64]]:
        """Sample pixels of the wide images in a span; broken images have none."""
        found = []
        for file in self.files[span : span + SPAN]:
            if file.fault:
                continue
            with suppress(OSError, BrokenImageError), (self.root / file.path).open("rb") as opened:
                values = read_wide(opened)
                if values is not None:
                    found.append(sample(values, len(self.files)))
        return found

    def _fill(self, chunk: NDArray[np.uint8], first: int, span: int) -> None:
        for offset in range(span, min(span + SPAN, len(chunk))):
            row = first + offset
            try:
                pixels = self._decode(row)
                if pixels is not None:
                    chunk[offset] = pixels
            except BrokenImageError as error:
                self._skip(row, str(error))

    def _decode(self, row: int) -> NDArray[np.uint8] | None:
        """Decode an image; None for one that cannot be opened.

        Raises:
            BrokenImageError: it can be opened but not decoded.
        """
        file, (height, width, channels) = self.files[row], self.recipe["shape"]
        if file.fault:
            self._digests[row] = UNREADABLE
            self._skip(row, file.fault)
            return None
        try:
            with (self.root / file.path).open("rb") as opened:
                self._digests[row] = hashlib.file_digest(opened, "sha256").hexdigest()
                pixels, self._headers[row] = decode_with_header(
                    opened, height, width, channels, self.recipe["resize"], self._levels
                )
                return pixels
        except OSError as error:
            if error.errno in OURS:
                raise ColdstartError(f"{error.filename}: {error.strerror}.") from error
            self._digests[row] = UNREADABLE
            self._skip(row, f"cannot be read: {error.strerror}")
            return None

    def _skip(self, row: int, reason: str) -> None:
        if self.recipe["on_broken"] == "fail":
            raise ColdstartError(
                f"{self.root / self.paths[row]} {reason}.\n  remedy: mend or remove the file, or "
                "let the recipe say `on_broken: skip`."
            )
        self.skipped[row] = reason

    def _finished(
        self, first: int, chunk: NDArray[np.uint8], filling: list[Future[None]]
    ) -> NDArray[np.uint8]:
        for part in filling:
            part.result()
        rows = np.arange(first, first + len(chunk))
        read = np.array([row not in self.skipped for row in rows.tolist()])
        self._notes.add(chunk[read], rows[read])
        return chunk

    def _report(self) -> None:
        rows = sorted(self.skipped)
        for row in rows[:SHOWN]:
            log.warning("skipped: %s %s", self.root / self.paths[row], self.skipped[row])
        if rows:
            log.warning("skipped %d of %d images in %s", len(rows), len(self.files), self.root)
        if len(rows) == len(self.files):
            raise ColdstartError(
                f"None of the {len(rows)} images in {self.root} can be read. The formats are "
                f"{', '.join(formats())}; {self.paths[0]} {self.skipped[0]}."
            )


def cores() -> int:
    """Return the number of cores of the job: OMP_NUM_THREADS, or else all."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
