"""Images whose labels were bought or given: nothing else of the labels is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data.read import read_ids, read_labels
from coldstart.data.unclassed import OUTLIER
from coldstart.selection.labelled import labelled_rows, read_selection
from coldstart.store import Artefact

KNOWN = "known.parquet"

LEAST_LABELS = 2
"""The fewest that a learner is trained on."""


@dataclass(frozen=True)
class Bought:
    """Images whose labels were bought.

    Attributes:
        ids: of the images that belong to a class, ascending: int64 [n].
        labels: their classes, int64 [n].
        outliers: ids of the images bought beside them that belong to none: they teach nothing. One
            that was returned and bought again is there again.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    outliers: NDArray[np.int64]


def buy(selection: Artefact, labels: Artefact, recipe: Mapping[str, Any]) -> Bought:
    """Ask the oracle for the labels of what was picked, and for no others.

    Args:
        selection: says which images are labelled.
        labels: the oracle's.
        recipe: its ``trial`` and ``budget`` say which rows of the selection count.

    Raises:
        ColdstartError: fewer than two of the images belong to a class.
    """
    rows = labelled_rows(read_selection(selection), recipe["trial"], recipe["budget"])
    ids = np.sort(rows["id"].to_numpy())
    answers = read_labels(labels, ids)
    inside = answers != OUTLIER
    if inside.sum() < LEAST_LABELS:
        raise ColdstartError(
            f"{len(ids)} labels were bought, and {int(inside.sum())} of them are of a class; a "
            "learner is trained on two or more: raise the smallest of the run's budgets"
        )
    return Bought(ids[inside], answers[inside], ids[~inside])


def given(labelled: Artefact, index: Artefact) -> Bought:
    """Read the labels that a user gives of some candidates.

    Args:
        labelled: the table of labels. Those of images that could not be read teach nothing.
        index: of the pool.
    """
    table = pd.read_parquet(labelled.path("labels.parquet")).sort_values("id")
    table = table[table["id"].isin(read_ids(index, "candidates"))]
    ids, labels = (table[name].to_numpy(np.int64, copy=True) for name in ("id", "label"))
    return Bought(ids, labels, np.empty(0, dtype=np.int64))


def write_known(bought: Bought, path: Path) -> None:
    """Write the oracle's answers: id, label, which is missing for an image of no class."""
    ids = np.concatenate([bought.ids, bought.outliers])
    labels = pd.array([*bought.labels, *[pd.NA] * len(bought.outliers)], dtype="Int64")
    table = pd.DataFrame({"id": ids, "label": labels}).sort_values("id")
    table.to_parquet(path, index=False)
