"""Evaluation: the metrics of every learner of a run, on the test images."""

import importlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.data.read import OUTLIER, read_labels
from coldstart.embeddings.tables import read_predictions
from coldstart.evaluation.metrics import (
    COLUMNS,
    TOP_K,
    average_precision,
    judged,
    merits,
    top_k_accuracy,
)
from coldstart.progress import log
from coldstart.running.job import Job
from coldstart.selection.labelled import labelled_rows

LINEAR = "coldstart.evaluation.linear"
"""The module that fits and measures all linear learners of a run."""

PICKED = "selection."
"""Inputs with this prefix are selections; the sampler's name follows."""
PREDICTED = "predictions."
"""Inputs with this prefix are predictions; the sampler's name, trial and budget follow."""


def make(job: Job) -> None:
    """``metrics.parquet``: sampler, trial, budget, metric, label, value; one row per value."""
    if any(name.startswith(PREDICTED) for name in job.inputs):
        table = judge(job)
    else:
        # By its name, so that the fits are in the key of what is fitted here, and of nothing else.
        table = importlib.import_module(LINEAR).fit_and_judge(job)
    table.to_parquet(job.out / "metrics.parquet", index=False)


def judge(job: Job) -> pd.DataFrame:
    """Measure learners that were trained in jobs of their own, by their predictions.

    Inputs are the labels and, for each cycle, ``predictions.<sampler>.<trial>.<budget>`` and the
    selection: ``selection.<sampler>``, or that of a queried sampler with trial and budget.
    """
    frames = []
    for name, artefact in job.inputs.items():
        if not name.startswith(PREDICTED):
            continue
        sampler, trial, budget = name.removeprefix(PREDICTED).split(".")
        about: dict[str, Any] = {"sampler": sampler, "trial": int(trial), "budget": int(budget)}
        ids, votes = read_predictions(artefact.path("predictions.parquet"), "test")
        bought = _bought(job, sampler, int(trial), int(budget))
        frame = _measure(votes.mean(axis=1), read_labels(job.inputs["labels"], ids), bought)
        log.info("%s, trial %s, budget %s: top-1 %.3f", sampler, trial, budget, frame["value"][0])
        frames.append(frame.assign(**about)[COLUMNS])
    return pd.concat(frames, ignore_index=True)


def _bought(job: Job, sampler: str, trial: int, budget: int) -> NDArray[np.int64]:
    """Read the labels that were bought in a cycle, OUTLIER for an image of no class: int64 [n]."""
    own = job.inputs.get(f"{PICKED}{sampler}.{trial}.{budget}")
    selection = own or job.inputs[f"{PICKED}{sampler}"]
    rows = labelled_rows(selection, trial, budget)
    return read_labels(job.inputs["labels"], rows["id"].to_numpy())


def _measure(
    probabilities: NDArray[np.float64], truth: NDArray[np.int64], bought: NDArray[np.int64]
) -> pd.DataFrame:
    """Tabulate the metrics of one learner: metric, label, value.

    Args:
        probabilities: of each class for each test image, [n, classes].
        truth: the test images' labels, [n], OUTLIER where an image belongs to no class.
        bought: likewise the labels that it was trained on.
    """
    inside = judged(truth)
    probabilities, truth = probabilities[inside], truth[inside]
    return merits(
        top_k_accuracy(probabilities, truth, TOP_K),
        average_precision(probabilities, truth),
        np.bincount(bought[bought != OUTLIER], minlength=probabilities.shape[1]),
        int((bought == OUTLIER).sum()),
    )
