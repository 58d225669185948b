"""Pools: which images are unlabeled, candidates for labelling, or for validation or test."""

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.pools import (
    OUTLIERS,
    SPLITS,
    Holdout,
    Mixed,
    Pool,
    Slice,
    SplitPool,
    Step,
    Thinned,
)
from coldstart.running.job import Job

POOL: TypeAdapter[Pool] = TypeAdapter(Pool)

APART = (
    ("test", "unlabeled"),
    ("test", "candidates"),
    ("validation", "test"),
    ("validation", "candidates"),
)
"""Pairs of splits that share no image. Unlabeled images may be candidates or for validation."""

Members = dict[str, pd.DataFrame]
"""Id and label (Int64, missing where an image has no class) of each split, in the pool's order."""


def make(job: Job) -> None:
    """Write ``index.parquet``: id and split of every image of the pool, sorted by id."""
    recipe = POOL.validate_python(job.recipe)
    items = pd.read_parquet(job.inputs["images"].path("items.parquet"))
    if "labels" in job.inputs:
        labels = pd.read_parquet(job.inputs["labels"].path("labels.parquet"))
        items = items.merge(labels, on="id", how="left")
    else:
        items = items.assign(label=pd.Series(pd.NA, index=items.index, dtype="Int64"))
    index = build_index(items, recipe)
    unlabeled = int((index["split"] == "unlabeled").sum())
    if unlabeled < 2:
        raise ColdstartError(
            f"{unlabeled} image of the pool can be read; an encoder is trained on two or more."
        )
    index.to_parquet(job.out / "index.parquet", index=False)


def build_index(items: pd.DataFrame, recipe: Pool) -> pd.DataFrame:
    """Return id (int64) and split (text) of the pool's images, sorted by id, then as in SPLITS.

    An image may be in two splits, such as unlabeled and candidates, with a row for each.

    Args:
        items: id, part and label of every image; the label is missing where there is none.
        recipe: says how the splits are made.

    Raises:
        ColdstartError: two splits that must be apart share an image.
    """
    items = items.sort_values("id").astype({"label": "Int64"})
    members = _members(items, recipe)
    _apart(members)
    frames = [
        pd.DataFrame({"id": members[split]["id"], "split": split})
        for split in SPLITS
        if split in members
    ]
    return pd.concat(frames).sort_values("id", kind="stable", ignore_index=True)


def _members(items: pd.DataFrame, recipe: Pool) -> Members:
    if isinstance(recipe, SplitPool):
        return {split: _taken(items, part, recipe.shuffle) for split, part in recipe.splits.items()}
    members = _members(items, recipe.pool)
    if isinstance(recipe, Holdout):
        return members | _held_out(members["candidates"], recipe)
    if isinstance(recipe, Mixed):
        outliers = items.loc[items["part"] == OUTLIERS, ["id", "label"]]
        return members | {split: pd.concat([members[split], outliers]) for split in recipe.splits}
    return members | {split: _thinned(members[split], recipe) for split in recipe.splits}


def _taken(items: pd.DataFrame, part: Slice, shuffle: int | None) -> pd.DataFrame:
    """Return the images of a slice, class after class; images without a class come last."""
    members = items.loc[items["part"] == part.part, ["id", "label"]]
    by_class = part.per == "class" and bool(members["label"].notna().any())
    groups = [group for _, group in members.groupby("label")] if by_class else [members]
    taken = []
    for group in groups:
        if shuffle is not None:
            group = group.iloc[_shuffled(group["id"].to_numpy(), shuffle)]
        first, last = part.bounds(len(group))
        taken.append(group.iloc[first : last + 1])
    return pd.concat(taken)


def _thinned(members: pd.DataFrame, recipe: Thinned) -> pd.DataFrame:
    """Thin out each class; images without a class are kept, and come last."""
    classes, others = _classes(members)
    left = recipe.left({label: len(group) for label, group in classes.items()})
    first = isinstance(recipe, Step) and recipe.keep == "first"
    kept = [
        group.iloc[: left[label]] if first else group.iloc[_even(len(group), left[label])]
        for label, group in classes.items()
    ]
    return pd.concat([*kept, others])


def _held_out(candidates: pd.DataFrame, recipe: Holdout) -> Members:
    classes, others = _classes(candidates)
    counts = recipe.held_out({label: len(group) for label, group in classes.items()})
    validation, rest = [], []
    for label, group in classes.items():
        taken = np.zeros(len(group), dtype=bool)
        taken[_even(len(group), counts[label])] = True
        validation.append(group[taken])
        rest.append(group[~taken])
    return {"validation": pd.concat(validation), "candidates": pd.concat([*rest, others])}


def _classes(members: pd.DataFrame) -> tuple[dict[int, pd.DataFrame], pd.DataFrame]:
    """Return the images of each class, and those without a class."""
    classes = {int(str(label)): group for label, group in members.groupby("label")}
    return classes, members[members["label"].isna()]


def _even(size: int, count: int) -> NDArray[np.int64]:
    """Return evenly spaced positions, as the published BYOL-samplers scripts choose them."""
    return np.linspace(0, size - 1, num=count, dtype=np.int64)


def _apart(members: Members) -> None:
    for one, other in APART:
        if one not in members or other not in members:
            continue
        shared = np.intersect1d(members[one]["id"], members[other]["id"])
        if len(shared):
            raise ColdstartError(
                f"{len(shared)} images are both in `{one}` and in `{other}`, the first has id "
                f"{shared[0]}. Give the splits of the pool ranges that do not meet."
            )


def _shuffled(ids: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return positions in the order of a hash: equal on every machine and with every NumPy."""
    digests = [hashlib.sha256(f"{seed}:{number}".encode()).digest() for number in ids]
    return np.array(sorted(range(len(ids)), key=digests.__getitem__), dtype=np.int64)
