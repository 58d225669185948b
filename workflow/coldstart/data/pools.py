"""Pools: which images are unlabeled, candidates for labelling, or for the test."""

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.config.data import SPLITS, Pool, Slice
from coldstart.jobs import Job


def make(job: Job) -> None:
    """``index.parquet``: id and split of every image of the pool, in the order of the ids."""
    recipe = Pool.model_validate(job.recipe)
    items = pd.read_parquet(job.inputs["images"].path("items.parquet"))
    labels = pd.read_parquet(job.inputs["labels"].path("labels.parquet"))
    index = build_index(items.merge(labels, on="id", validate="one_to_one"), recipe)
    index.to_parquet(job.out / "index.parquet", index=False)


def build_index(items: pd.DataFrame, recipe: Pool) -> pd.DataFrame:
    """The pool's images: id (int64) and split (text), sorted by id.

    Args:
        items: id, part and label of every image of the data set.
        recipe: the slices of each split.
    """
    frames = [
        pd.DataFrame({"id": _taken(items, recipe.splits[split], recipe.shuffle), "split": split})
        for split in SPLITS
    ]
    return pd.concat(frames).sort_values("id", kind="stable", ignore_index=True)


def _taken(items: pd.DataFrame, part: Slice, shuffle: int | None) -> NDArray[np.int64]:
    """Ids of the images that a slice takes, class after class."""
    taken = []
    members = items[items["part"] == part.part]
    for label, group in members.groupby("label", sort=True):
        ids = np.sort(group["id"].to_numpy())
        if shuffle is not None:
            ids = _shuffled(ids, shuffle)
        first, last = part.bounds(len(ids))
        count = part.count(int(str(label)), len(ids))
        taken.append(ids[np.linspace(first, last, num=count, dtype=int)])
    return np.concatenate(taken)


def _shuffled(ids: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Ids in the order of a hash: the same on every machine and with every release of NumPy."""
    digests = [hashlib.sha256(f"{seed}:{number}".encode()).digest() for number in ids]
    order = sorted(range(len(ids)), key=digests.__getitem__)
    return ids[order]
