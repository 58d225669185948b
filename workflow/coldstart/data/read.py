"""Reading what ingest and pools have written."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.store import Artefact


def read_ids(index: Artefact, *splits: str) -> NDArray[np.int64]:
    """Ids of the images in these splits of a pool, ascending: int64 [n]."""
    table = pd.read_parquet(index.path("index.parquet"))
    ids: NDArray[np.int64] = table.loc[table["split"].isin(splits), "id"].to_numpy()
    return np.sort(ids)


def read_images(images: Artefact, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The images with these ids, uint8 [n, height, width, channels]; only they are read."""
    array: NDArray[np.uint8] = np.load(images.path("images.npy"), mmap_mode="r")
    return np.ascontiguousarray(array[ids])


def read_split(
    images: Artefact, index: Artefact, *splits: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of some splits of a pool and their ids, ascending."""
    ids = read_ids(index, *splits)
    return read_images(images, ids), ids


def read_labels(labels: Artefact, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """The labels of these images: int64 [n]. For the oracle and the evaluation alone."""
    table = pd.read_parquet(labels.path("labels.parquet")).set_index("id")
    found: NDArray[np.int64] = table.loc[ids, "label"].to_numpy()
    return found
