"""Evaluation: the metrics of every learner of a run, on the test images."""

import importlib
from functools import cache
from typing import Any

import pandas as pd

from coldstart.common.progress import log
from coldstart.data.read import label_table, look_up
from coldstart.embeddings.tables import read_predictions
from coldstart.evaluation.judged import Judged
from coldstart.evaluation.measure import COLUMNS, measure, metrics_of, tested
from coldstart.running.job import Job
from coldstart.selection.labelled import labelled_rows, read_selection

LINEAR = "coldstart.evaluation.linear"
"""The module that fits and measures all linear learners of a run."""

PICKED = "selection."
"""Inputs with this prefix are selections; the sampler's name follows."""
PREDICTED = "predictions."
"""Inputs with this prefix are predictions; the sampler's name, trial and budget follow."""


def make(job: Job) -> None:
    """Write ``metrics.parquet``, a row per value: sampler, trial, budget, metric, label, value."""
    if any(name.startswith(PREDICTED) for name in job.inputs):
        table = judge(job)
    else:
        # Imported by name: the fits belong to the key of evaluations that fit, and of no others.
        table = importlib.import_module(LINEAR).fit_and_judge(job)
    table.to_parquet(job.out / "metrics.parquet", index=False)


def judge(job: Job) -> pd.DataFrame:
    """Measure learners that were trained in jobs of their own, by their predictions.

    Inputs are the labels and, for each cycle, ``predictions.<sampler>.<trial>.<budget>`` and the
    selection: ``selection.<sampler>``, or that of a queried sampler with trial and budget.
    """
    labels, metrics = label_table(job.inputs["labels"]), metrics_of(job.recipe["metrics"])
    selections = cache(lambda name: read_selection(job.inputs[name]))
    frames = []
    for name, artefact in job.inputs.items():
        if not name.startswith(PREDICTED):
            continue
        sampler, trial, budget = name.removeprefix(PREDICTED).split(".")
        about: dict[str, Any] = {"sampler": sampler, "trial": int(trial), "budget": int(budget)}
        ids, votes = read_predictions(artefact.path("predictions.parquet"), "test")
        own = f"{PICKED}{sampler}.{trial}.{budget}"
        picks = selections(own if own in job.inputs else f"{PICKED}{sampler}")
        rows = labelled_rows(picks, int(trial), int(budget))
        bought = look_up(labels, rows["id"].to_numpy())
        truth = look_up(labels, ids)
        inside = tested(truth)
        frame = measure(Judged(votes.mean(axis=1)[inside], truth[inside], bought), metrics)
        log.info("%s, trial %s, budget %s: %d values", sampler, trial, budget, len(frame))
        frames.append(frame.assign(**about)[COLUMNS])
    return pd.concat(frames, ignore_index=True)
