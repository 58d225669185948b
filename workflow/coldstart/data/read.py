"""Readers of the tables and images that the stages ``images``, ``labels`` and ``pool`` write."""

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data.notes import FILE
from coldstart.data.unclassed import OUTLIER
from coldstart.store import Artefact

SPLITS = ("candidates", "test")
"""The splits for which models write tables: those to pick from, and those to evaluate with."""


def read_ids(index: Artefact, *splits: str) -> NDArray[np.int64]:
    """Return the ids of the images in these splits of a pool, ascending: int64 [n]."""
    table = pd.read_parquet(index.path("index.parquet"))
    ids: NDArray[np.int64] = table.loc[table["split"].isin(splits), "id"].to_numpy()
    return np.sort(ids)


def open_images(images: Artefact) -> NDArray[np.uint8]:
    """Every image, uint8 [n, height, width, channels], not in memory; the id is the row."""
    array: NDArray[np.uint8] = np.load(images.path("images.npy"), mmap_mode="r")
    return array


def read_images(images: Artefact, ids: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Read the images with these ids, and no others: uint8 [n, height, width, channels]."""
    return np.ascontiguousarray(open_images(images)[ids])


def read_notes(images: Artefact) -> dict[str, Any]:
    """Read the notes on a user's own images (``coldstart.data.notes``); empty for other sets."""
    if FILE not in images.manifest["files"]:
        return {}
    found: dict[str, Any] = json.loads(images.path(FILE).read_bytes())
    return found


def read_split(
    images: Artefact, index: Artefact, *splits: str
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the images of some splits of a pool, and their ids, ascending."""
    ids = read_ids(index, *splits)
    return read_images(images, ids), ids


def read_labels(labels: Artefact, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Read the labels of these images: int64 [n], OUTLIER for an image of no class.

    Only the oracle and the evaluation may call it.

    Raises:
        ColdstartError: an image was never labelled.
    """
    return look_up(label_table(labels), ids)


def label_table(labels: Artefact) -> "pd.Series[Any]":
    """Read all labels by id; the label of an outlier is missing."""
    return pd.read_parquet(labels.path("labels.parquet")).set_index("id")["label"]


def look_up(table: "pd.Series[Any]", ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels of these images from ``label_table``, as ``read_labels`` does."""
    unknown = ids[~np.isin(ids, table.index)]
    if len(unknown):
        raise ColdstartError(
            f"{len(unknown)} images have no label, the first has id {unknown[0]}. Candidates and "
            "test images need one: take them from a part of the data set that is labelled."
        )
    found = table.reindex(ids).astype("Int64").fillna(OUTLIER)
    return np.asarray(found, dtype=np.int64)
