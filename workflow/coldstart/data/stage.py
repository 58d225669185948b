"""Ingest: every image of a source once, as one array, and its labels as a table apart."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from coldstart.config.data import Dataset
from coldstart.data.source import Source
from coldstart.errors import ColdstartError
from coldstart.jobs import Job


def make_images(job: Job) -> None:
    """``images.npy``, uint8 [n, height, width, channels], and ``items.parquet``: id, part."""
    source = _read(job)
    np.save(job.out / "images.npy", source.images)
    items = pd.DataFrame({"id": np.arange(len(source.images)), "part": source.parts})
    items.to_parquet(job.out / "items.parquet", index=False)


def make_labels(job: Job) -> None:
    """``labels.parquet``: id, label."""
    labels = _read(job).labels.astype(np.int64)
    table = pd.DataFrame({"id": np.arange(len(labels)), "label": labels})
    table.to_parquet(job.out / "labels.parquet", index=False)


def _read(job: Job) -> Source:
    recipe = Dataset.model_validate(job.recipe)
    module = importlib.import_module(f"coldstart.data.{recipe.source}")
    settings = job.settings
    source: Source = module.read(settings.data_dir, settings.download)
    check(source, recipe)
    return source


def check(source: Source, recipe: Dataset) -> None:
    """Hold what was read against the recipe.

    Raises:
        ColdstartError: if shape, classes, parts or digest differ.
    """
    found: Mapping[str, Any] = {
        "shape": list(source.images.shape[1:]),
        "parts": _counts(source, len(recipe.classes)),
        "digest": source.digest or recipe.digest,
    }
    for key, value in found.items():
        if value != getattr(recipe, key):
            raise ColdstartError(
                f"source `{recipe.source}`: {key} is {value}, but workflow/recipes/datasets.yaml "
                f"says {getattr(recipe, key)}. It is another edition of the set than the recipe's."
            )


def _counts(source: Source, classes: int) -> dict[str, list[int]]:
    parts = np.asarray(source.parts)
    return {
        part: np.bincount(source.labels[parts == part], minlength=classes).tolist()
        for part in dict.fromkeys(source.parts)
    }
