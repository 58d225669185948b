"""Embeddings that were made elsewhere, read from a file and joined with images."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data.sources.labels import compose

log = logging.getLogger("coldstart")

PATH, ID, EMBEDDING = "path", "id", "embedding"
"""Columns of a table: what a row is of, and its vector; or columns of numbers, one a dimension."""

SHOWN = 5
"""Images at fault that a message names."""


@dataclass(frozen=True)
class Vectors:
    """The content of a file.

    Attributes:
        rows: float32 [n, dim].
        names: of the images: their paths, or their ids as numbers; None where rows have no name.
    """

    rows: NDArray[np.float32]
    names: "pd.Series[Any] | None" = None


def read_vectors(path: Path) -> Vectors:
    """Read a file of embeddings; nothing in it is executed.

    Raises:
        ColdstartError: it cannot be read, or has no table of numbers.
    """
    kind = path.suffix.lower()
    try:
        if kind == ".npy":
            return Vectors(_matrix(np.load(path, allow_pickle=False), path))
        if kind == ".npz":
            return _of_archive(path)
        table = pd.read_parquet(path) if kind == ".parquet" else pd.read_csv(path)
    except ColdstartError:
        raise
    except Exception as error:  # of several libraries
        raise ColdstartError(
            f"{path}: cannot be read as embeddings ({type(error).__name__}: {error})."
        ) from None
    return _of_table(table, path)


def join(vectors: Vectors, items: pd.DataFrame, wanted: NDArray[np.int64], file: Path) -> Any:
    """Return the vector of each wanted image.

    Args:
        vectors: as read.
        items: ``id`` of each image that there is, and its ``path`` if it has one.
        wanted: ids, int64 [m].
        file: for messages.

    Returns:
        float32 [m, dim].

    Raises:
        ColdstartError: an image has no vector or two, or nobody can tell whose a vector is.
    """
    ids = _ids(vectors, items, file)
    twice = pd.Index(ids[ids >= 0]).duplicated()
    if twice.any():
        image = _shown(ids[ids >= 0][twice], items)
        raise ColdstartError(f"{file}: has two rows of {image}: leave one row for each image.")
    rows = pd.Series(np.arange(len(ids)), index=ids).reindex(wanted)
    lacking = wanted[rows.isna().to_numpy()]
    if len(lacking):
        raise ColdstartError(
            f"{file}: has no embedding of {len(lacking)} of {len(wanted)} images: "
            f"{_shown(lacking, items)}. Embed them too, or take them out of the folder."
        )
    unused = len(ids) - len(wanted)
    if unused > 0:
        log.info("%s: %d rows are of no image that is embedded here", file, unused)
    return vectors.rows[rows.to_numpy(dtype=np.intp)]


def _of_archive(path: Path) -> Vectors:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    names = next((arrays.pop(name) for name in ("paths", "ids") if name in arrays), None)
    matrices = [array for array in arrays.values() if array.ndim == 2]
    found = arrays.get("embeddings", matrices[0] if len(matrices) == 1 else None)
    if found is None:
        held = ", ".join(arrays) or "nothing else"
        raise ColdstartError(
            f"{path}: has no array `embeddings` of [images, dimensions], but {held}: save one by "
            "that name, with an array `paths` beside it."
        )
    rows = _matrix(found, path)
    if names is not None and len(names) != len(rows):
        raise ColdstartError(f"{path}: has {len(names)} names and {len(rows)} embeddings.")
    return Vectors(rows, None if names is None else pd.Series(names))


def _of_table(table: pd.DataFrame, path: Path) -> Vectors:
    lowered = {str(name).strip().casefold(): name for name in table.columns}
    name = next((lowered[column] for column in (PATH, ID) if column in lowered), None)
    if name is None:
        raise ColdstartError(
            f"{path}: has no column `{PATH}` (or `{ID}`), which says whose embedding a row is."
        )
    names = table.pop(name)
    if EMBEDDING in lowered:
        rows = table[lowered[EMBEDDING]]
        sizes = {np.size(row) for row in rows}
        if len(sizes) != 1:
            raise ColdstartError(f"{path}: has embeddings of several sizes: {sorted(sizes)}.")
        return Vectors(_matrix(np.stack([np.asarray(row) for row in rows]), path), names)
    texts = [str(column) for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    if texts:
        raise ColdstartError(
            f"{path}: column `{texts[0]}` holds no numbers. Beside `{PATH}`, each column is a "
            f"dimension, unless one is named `{EMBEDDING}`: take the others out."
        )
    return Vectors(_matrix(table.to_numpy(), path), names)


def _matrix(array: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if array.ndim != 2 or not array.size or array.dtype.kind not in "fiu":
        raise ColdstartError(
            f"{path}: holds {array.dtype} of shape {list(array.shape)}, and embeddings are numbers "
            "of shape [images, dimensions]."
        )
    rows = array.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ColdstartError(
            f"{path}: {len(bad)} of {len(rows)} embeddings have values that are not finite, the "
            f"first in row {bad[0] + 1}."
        )
    return rows


def _ids(vectors: Vectors, items: pd.DataFrame, file: Path) -> NDArray[np.int64]:
    """The id of the image that each row is of, int64 [n]; -1 where it is of none."""
    if vectors.names is None:
        if PATH in items:
            raise ColdstartError(
                f"{file}: does not say which image a row is of. Save a table with a column "
                f"`{PATH}`, or an .npz file with the arrays `embeddings` and `paths`."
            )
        if len(vectors.rows) != len(items):
            raise ColdstartError(
                f"{file}: has {len(vectors.rows)} embeddings for {len(items)} images."
            )
        return items[ID].to_numpy(dtype=np.int64)
    if pd.api.types.is_numeric_dtype(vectors.names) or PATH not in items:
        numbers = pd.to_numeric(vectors.names, errors="coerce").fillna(-1).to_numpy(np.int64)
        return np.where(np.isin(numbers, items[ID]), numbers, -1)
    known = {compose(path): number for path, number in zip(items[PATH], items[ID], strict=True)}
    return np.array([_find(str(name), known) for name in vectors.names], dtype=np.int64)


def _find(written: str, known: dict[str, int]) -> int:
    """The image that a path means: from the folder on, or in full; -1 for none."""
    parts = PurePosixPath(compose(written.strip().replace("\\", "/"))).parts
    paths = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((known[path] for path in paths if path in known), -1)


def _shown(ids: NDArray[np.int64], items: pd.DataFrame) -> str:
    names = items.set_index(ID)[PATH] if PATH in items else items.set_index(ID).index.to_series()
    some: Sequence[Any] = names.reindex(ids[:SHOWN]).tolist()
    return ", ".join(map(str, some)) + (", ..." if len(ids) > SHOWN else "")
