"""A user's own images from an ``.npz`` file of NumPy: read as they are, piece by piece.

The file holds ``images``, uint8 [n, height, width] or [n, height, width, channels], and may hold
``labels``, whole numbers [n] from 0 or -1 for none, and ``classes``, their names [k]. Nothing in it
is ever unpickled.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from coldstart.config.folders import Arrays
from coldstart.data.source import Part, Source, chunk_images
from coldstart.data.sources.digests import File, digest_files
from coldstart.data.sources.labels import UNLABELLED, Labels, digest_labels
from coldstart.data.sources.scan import PART, Scan, changed, places_of, resolve
from coldstart.errors import ColdstartError
from coldstart.settings import Settings

DIGEST = None

CHANNELS = (1, 3)


def scan_arrays(recipe: Arrays, data_dir: Path, cache: Path | None) -> Scan:
    """Read what the file says of its arrays, and its labels; digest the images if they are new.

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
    count, *shape = _images_shape(path)
    labels = _labels(path, count) if recipe.labels == "array" else None
    found = path.stat()
    file = File("", found.st_size, found.st_mtime_ns)
    digest = digest_files(path, [file], cache, _images_digest)[0]
    places = {digest: [path]} | ({labels.digest: [path]} if labels else {})
    return Scan(recipe, [file], shape, count, digest, labels, places)


def missing(recipe: Mapping[str, Any], settings: Settings) -> str | None:
    """Nothing is that the scan has not found already."""
    return None


def read(recipe: Mapping[str, Any], settings: Settings) -> Source:
    """The images that were planned with or, for a recipe of labels, these.

    Raises:
        ColdstartError: the file is not as it was when it was planned with.
    """
    places = places_of(recipe["digest"])
    if not places:
        raise changed(recipe)
    path = places[0]
    count = _images_shape(path)[0]
    if "labels" in recipe:
        labels = _labels(path, count)
        if labels is None or labels.digest != recipe["digest"]:
            raise changed(recipe)
        digest, numbers = labels.digest, np.array(labels.numbers, np.int64)
        part = Part(PART, count, lambda: iter(()), lambda: numbers)
        return Source([part], lambda: digest)

    def checked() -> str:
        found = _images_digest(path)
        if found != recipe["digest"]:
            raise changed(recipe)
        return found

    return Source([Part(PART, count, lambda: _chunks(path))], checked)


@contextmanager
def _array(path: Path, name: str) -> Iterator[tuple[IO[bytes], tuple[int, ...], np.dtype[Any]]]:
    """An array in the file, its header read and held against what may be: file, shape, dtype.

    Raises:
        KeyError: there is none of this name.
        ColdstartError: the file is damaged or no ``.npz``, or the array is not plain.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
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
            yield file, shape, dtype
    except (OSError, ValueError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise ColdstartError(f"{path} is damaged, or no .npz file: {error}.") from error


def _images_shape(path: Path) -> tuple[int, ...]:
    """Number, height, width and channels of the images."""
    try:
        with _array(path, "images") as (_, shape, dtype):
            pass
    except KeyError as error:
        raise ColdstartError(
            f"{path} has no array `images`: np.savez(path, images=..., labels=...) names them."
        ) from error
    if dtype != np.uint8:
        raise ColdstartError(
            f"`images` in {path} are {dtype}, not uint8. {_conversion(dtype)} The range "
            "cannot be told from the numbers, so nothing is guessed."
        )
    if len(shape) == 4 and shape[3] not in CHANNELS and shape[1] in CHANNELS:
        raise ColdstartError(
            f"`images` in {path} are {list(shape)}, channels first: save images.transpose(0, 2, 3, "
            "1)."
        )
    if len(shape) == 3:
        shape = (*shape, 1)
    if len(shape) != 4 or shape[3] not in CHANNELS or 0 in shape:
        raise ColdstartError(
            f"`images` in {path} are {list(shape)}, not [n, height, width] or [n, height, width, "
            "channels] with 1 or 3 channels and at least one image."
        )
    return shape


def _conversion(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f":
        return "If they go from 0 to 1, save (images * 255).round().astype(np.uint8)."
    if dtype == np.uint16:
        return "If they use all 16 bits, save (images // 257).astype(np.uint8)."
    if dtype == np.bool_:
        return "Save images.astype(np.uint8) * 255."
    return "If they go from 0 to 255, save images.astype(np.uint8)."


def _images_digest(path: Path) -> str:
    """The digest of the array's shape and content, however the file is compressed."""
    taken = hashlib.sha256(repr(_images_shape(path)).encode())
    for chunk in _chunks(path):
        taken.update(chunk.data)
    return f"sha256:{taken.hexdigest()}"


def _chunks(path: Path) -> Iterator[NDArray[np.uint8]]:
    count, *shape = _images_shape(path)
    size = int(np.prod(shape))
    with _array(path, "images") as (file, _, _):
        for first in range(0, count, chunk_images(size)):
            rows = min(chunk_images(size), count - first)
            data = file.read(rows * size)
            if len(data) != rows * size:
                raise ColdstartError(f"{path} is damaged: `images` end too early.")
            yield np.frombuffer(data, np.uint8).reshape(rows, *shape)


def _labels(path: Path, count: int) -> Labels | None:
    """Labels and the names of their classes; None where the file has none."""
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
    if int(numbers.min()) < UNLABELLED or int(numbers.max()) >= len(classes):
        raise ColdstartError(
            f"`labels` in {path} go from {numbers.min()} to {numbers.max()}, but there are "
            f"{len(classes)} `classes`: they count from 0, and {UNLABELLED} means none."
        )
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise ColdstartError(
            f"`classes` in {path} are {classes[:5]}: at least two are needed, each with a name of "
            "its own."
        )
    values = numbers.tolist()
    names = (f"{value}\0{classes[value] if value >= 0 else ''}" for value in values)
    return Labels("arrays", classes, values, digest_labels(names))


def _read_whole(path: Path, name: str) -> NDArray[Any]:
    with _array(path, name) as (file, shape, dtype):
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        data = file.read(size)
        if len(data) != size:
            raise ColdstartError(f"{path} is damaged: `{name}` ends too early.")
    return np.frombuffer(data, dtype).reshape(shape)
