"""A user's own images from a file of NumPy: an ``.npz`` or ``.npy``, read piece by piece.

An ``.npz`` holds ``images``, numbers [n, height, width] or [n, height, width, channels], and may
hold ``labels``, whole numbers [n] from 0, -1 for none, and ``classes``, their names [k]. An
``.npy`` holds the images alone. uint8 is used as it is. For other numbers, the range from black to
white is given, or measured over all images. Nothing is ever unpickled.
"""

import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.datasets.arrays import Arrays
from coldstart.config.recipes.datasets.levels import MEASURED
from coldstart.data.notes import Notes
from coldstart.data.source import Part, Source, chunk_images
from coldstart.data.sources.digests import File, digest_files
from coldstart.data.sources.labels import Labels, check_names, digest_labels
from coldstart.data.sources.scan import PART, Scan, changed, resolve
from coldstart.data.sources.wide import Levels, eight_bits, measured, sample
from coldstart.data.unclassed import UNLABELLED
from coldstart.running.places import places_of
from coldstart.running.settings import Settings

DIGEST = None

CHANNELS = (1, 3)

NONE = -1
"""Number of an image without a label in a user's file."""

KINDS = "buif"
"""NumPy's kinds of numbers that images may have: truth values, whole and real numbers."""


def scan_arrays(recipe: Arrays, data_dir: Path, cache: Path | None) -> Scan:
    """Read the headers of the arrays, and the labels; digest the images if they are new.

    Args:
        recipe: the file's.
        data_dir: what a relative path starts from.
        cache: a folder for the file's digest; see ``digest_files``.

    Raises:
        ColdstartError: the file is not there, or not as the module's description says.
    """
    path = resolve(recipe.path, data_dir)
    if not path.is_file():
        raise ColdstartError(
            f"There is no file {path}.\n"
            "  remedy: correct `path` in the recipe; a relative one is below data_dir."
        )
    (count, *shape), _ = _images_kind(path)
    labels = _labels(path, count) if recipe.labels == "array" else None
    file = File.of("", path.stat())
    digest = digest_files(path, [file], cache, _images_digest)[0]
    places = {digest: [path]} | ({labels.digest: [path]} if labels else {})
    return Scan(recipe, [file], shape, count, digest, labels, places)


def missing(recipe: Mapping[str, Any], settings: Settings) -> str | None:
    """Return None: the scan has already checked that the file exists."""
    return None


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """Open the images that the plan has seen or, for a recipe of labels, the labels.

    Raises:
        ColdstartError: the file has changed since it was planned with.
    """
    places = places_of(recipe["digest"])
    if not places:
        raise changed(recipe)
    path = places[0]
    count = _images_kind(path)[0][0]
    if "labels" in recipe:
        labels = _labels(path, count)
        if labels is None or labels.digest != recipe["digest"]:
            raise changed(recipe)
        digest, numbers = labels.digest, np.array(labels.numbers, np.int64)
        part = Part(PART, count, lambda: iter(()), lambda: numbers)
        return Source([part], lambda: digest)
    images = _Images(path, recipe)
    return Source([Part(PART, count, images.chunks)], images.digest, images.notes)


class _Images:
    """The images of a file, converted to 8 bits, and the notes on them."""

    def __init__(self, path: Path, recipe: Mapping[str, Any]) -> None:
        self.path, self.recipe = path, recipe
        self._notes = Notes()
        self._levels: Levels | None = None

    def chunks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the images in order: uint8 [n, height, width, channels]."""
        (count, *_), dtype = _images_kind(self.path)
        self._notes = Notes()
        self._levels = None if dtype in (np.uint8, np.bool_) else self._range(count)
        first = 0
        for raw in _chunks(self.path):
            if self._levels is not None:
                chunk = eight_bits(raw, self._levels)
            else:
                chunk = raw if raw.dtype == np.uint8 else raw.astype(np.uint8) * 255
            self._notes.add(chunk, np.arange(first, first + len(chunk)))
            first += len(chunk)
            yield chunk

    def _range(self, count: int) -> Levels:
        given = self.recipe["levels"]
        if given != MEASURED:
            return given[0], given[1]
        return measured([sample(image, count) for raw in _chunks(self.path) for image in raw])

    def digest(self) -> str:
        """Return the digest of the images in the file.

        Raises:
            ColdstartError: it is not the one that was planned with.
        """
        found = _images_digest(self.path)
        if found != self.recipe["digest"]:
            raise changed(self.recipe)
        return found

    def notes(self) -> dict[str, Any]:
        """Return the notes on the images; see ``coldstart.data.notes``."""
        wide = 0 if self._levels is None else _images_kind(self.path)[0][0]
        is_measured = self.recipe["levels"] == MEASURED
        return self._notes.gathered(None, levels=self._levels, measured=is_measured, wide=wide)


@contextmanager
def _array(path: Path, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
    """Open an array, and read and check its header; yields file, shape and dtype.

    Raises:
        KeyError: there is no array of this name.
        ColdstartError: the file is damaged or of another kind, or the array is not plain.
    """
    try:
        with _opened(path, name) as (file, size):
            if np.lib.format.read_magic(file) == (1, 0):
                shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
            else:
                shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
            if dtype.hasobject:
                raise ColdstartError(
                    f"`{name}` in {path} is an array of Python objects, which would have to be "
                    "unpickled. Save numbers, or text as np.array(names, dtype=str)."
                )
            if by_columns and len(shape) > 1:
                raise ColdstartError(
                    f"`{name}` in {path} is stored column by column: save "
                    f"np.ascontiguousarray({name})."
                )
            if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > size:
                raise ColdstartError(
                    f"{path} is damaged: `{name}` says that it is {dtype} {list(shape)}, but there "
                    f"are {size} bytes."
                )
            yield file, shape, dtype
    except (OSError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise ColdstartError(f"{path} is damaged, or no {path.suffix} file: {error}.") from error


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open an array; yields a file of its bytes, which begin with the header, and their number.

    Raises:
        KeyError: there is none of this name.
    """
    if path.suffix == ".npy":
        if name != "images":
            raise KeyError(name)
        with path.open("rb") as file:
            yield file, path.stat().st_size
    else:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            yield file, archive.getinfo(f"{name}.npy").file_size


def _images_kind(path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return number, height, width and channels of the images, and the type of their values."""
    try:
        with _array(path, "images") as (_, shape, dtype):
            pass
    except KeyError as error:
        raise ColdstartError(
            f"{path} has no array `images`: np.savez(path, images=..., labels=...) names them."
        ) from error
    if dtype.kind not in KINDS:
        raise ColdstartError(
            f"`images` in {path} are {dtype}: save whole numbers, real numbers or truth values."
        )
    if len(shape) == 4 and shape[3] not in CHANNELS and shape[1] in CHANNELS:
        raise ColdstartError(
            f"`images` in {path} are {list(shape)}, channels first: save images.transpose(0, 2, 3, "
            "1)."
        )
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or shape[3] not in CHANNELS or min(shape) < 1:
        raise ColdstartError(
            f"`images` in {path} are {list(shape)}, not [n, height, width] or [n, height, width, "
            "channels] with 1 or 3 channels and at least one image."
        )
    return shape, dtype


def _images_digest(path: Path) -> str:
    """Return the digest of the array's shape, type and content; compression does not matter."""
    shape, dtype = _images_kind(path)
    kind = "" if dtype == np.uint8 else dtype.str
    taken = hashlib.sha256(f"{shape!r}{kind}".encode())
    for chunk in _chunks(path):
        taken.update(chunk.data)
    return f"sha256:{taken.hexdigest()}"


def _chunks(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the images as they are stored, in order: [n, height, width, channels]."""
    (count, *shape), dtype = _images_kind(path)
    size = math.prod(shape) * dtype.itemsize
    with _array(path, "images") as (file, _, _):
        for first in range(0, count, chunk_images(size)):
            rows = min(chunk_images(size), count - first)
            data = file.read(rows * size)
            if len(data) != rows * size:
                raise ColdstartError(f"{path} is damaged: `images` end too early.")
            yield np.frombuffer(data, dtype).reshape(rows, *shape)


def _labels(path: Path, count: int) -> Labels | None:
    """Read the labels and the names of their classes; None if the file has no labels."""
    try:
        numbers = _read_whole(path, "labels")
    except KeyError:
        return None
    if numbers.dtype.kind not in "iu" or numbers.shape != (count,):
        raise ColdstartError(
            f"`labels` in {path} are {numbers.dtype} {list(numbers.shape)}, not whole numbers "
            f"[{count}], one for each image. For names: classes, labels = np.unique(names, "
            "return_inverse=True)."
        )
    try:
        classes = [str(name) for name in _read_whole(path, "classes").ravel()]
    except KeyError:
        classes = [str(number) for number in range(int(numbers.max()) + 1)]
    if int(numbers.min()) < NONE or int(numbers.max()) >= len(classes):
        raise ColdstartError(
            f"`labels` in {path} go from {numbers.min()} to {numbers.max()}, but there are "
            f"{len(classes)} `classes`: they count from 0, and {NONE} means none."
        )
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ColdstartError(
            f"`classes` in {path} are {classes[:5]}: at least two are needed, each with a name of "
            "its own."
        )
    check_names(classes, f"`classes` in {path}")
    values = numbers.tolist()
    names = (f"{value}\0{classes[value] if value >= 0 else ''}" for value in values)
    labels = [UNLABELLED if value == NONE else value for value in values]
    return Labels("arrays", classes, labels, digest_labels(names))


def _read_whole(path: Path, name: str) -> NDArray[Any]:
    with _array(path, name) as (file, shape, dtype):
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        data = file.read(size)
        if len(data) != size:
            raise ColdstartError(f"{path} is damaged: `{name}` ends too early.")
    return np.frombuffer(data, dtype).reshape(shape)
