"""Reading the tables that a sampler declares, one row per candidate, and nothing else."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.data.read import read_ids
from coldstart.embeddings.tables import read_embeddings, read_predictions, read_scores
from coldstart.running.job import Job
from coldstart.selection.base import KNOWN, Known, Sampler, Tables
from coldstart.store import Artefact

CANDIDATES = "candidates"


def read_tables(job: Job, sampler: Sampler, labelled: NDArray[np.int64] | None) -> Tables:
    """Read the tables that a sampler declares.

    Args:
        job: its inputs hold them, each by the name of the table.
        sampler: declares them.
        labelled: ids that have a label.

    Raises:
        ColdstartError: a table is not of this pool.
    """
    ids = read_ids(job.inputs["index"], CANDIDATES)
    columns: dict[str, Any] = {}
    for name in sorted(sampler.reads - {KNOWN}):
        columns[name] = _aligned(ids, *_READERS[name](job.inputs[name]))
    return Tables(ids, labelled=labelled, **columns)


def _read_embeddings(artefact: Artefact) -> tuple[NDArray[np.int64], NDArray[Any]]:
    return read_embeddings(artefact.path("embeddings.parquet"), CANDIDATES)


def _read_clusters(artefact: Artefact) -> tuple[NDArray[np.int64], NDArray[Any]]:
    ids, probabilities = _read_embeddings(artefact)
    return ids, probabilities.argmax(axis=1)


def _read_scores(artefact: Artefact) -> tuple[NDArray[np.int64], NDArray[Any]]:
    return read_scores(artefact.path("scores.parquet"))


def _read_votes(artefact: Artefact) -> tuple[NDArray[np.int64], NDArray[Any]]:
    return read_predictions(artefact.path("predictions.parquet"), CANDIDATES)


def _read_predictions(artefact: Artefact) -> tuple[NDArray[np.int64], NDArray[Any]]:
    ids, votes = _read_votes(artefact)
    return ids, votes.mean(axis=1)


_READERS = {
    "embeddings": _read_embeddings,
    "scores": _read_scores,
    "clusters": _read_clusters,
    "predictions": _read_predictions,
    "votes": _read_votes,
}


def read_known(model: Artefact) -> Known:
    """Read the images that a model has learnt from, and their classes; outliers are left out."""
    table = pd.read_parquet(model.path("known.parquet")).dropna()
    labels = np.asarray(table["label"], dtype=np.int64)
    return Known(table["id"].to_numpy(), labels)


def _aligned(
    ids: NDArray[np.int64], found: NDArray[np.int64], values: NDArray[Any]
) -> NDArray[Any]:
    """Bring values into the order of ``ids``."""
    if np.array_equal(found, ids):  # as a rule; and a copy may not fit into memory
        return values
    order = np.argsort(found)
    if not np.array_equal(found[order], ids):
        raise ColdstartError(
            f"a table has {len(found)} candidates, but the pool has {len(ids)} or others; "
            "it was not made from this pool"
        )
    return values[order]
