"""Linear learners on frozen embeddings: every labelled set of a run is fitted in one batch."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.common.progress import log
from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.config.recipes.metrics import Metric
from coldstart.data.read import read_labels
from coldstart.data.unclassed import OUTLIER
from coldstart.embeddings.tables import read_embeddings
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.measure import COLUMNS, measure_probes, metrics_of, tested
from coldstart.evaluation.scaling import Labelled, standardised
from coldstart.running.job import Job
from coldstart.selection.labelled import labelled_rows, read_selection

PICKED = "selection."
"""Inputs with this prefix are selections; the sampler's name follows, and a cycle's trial and
budget."""


def fit_and_judge(job: Job) -> pd.DataFrame:
    """Fit a linear learner on every selection, all of them in one batch, and measure each."""
    recipe = LogisticRegression.model_validate(job.recipe["learner"])
    candidates, test = (_read(job, split) for split in ("candidates", "test"))
    if recipe.standardise:
        candidates, test = standardised(candidates, test)
    selections: dict[str, list[pd.DataFrame]] = {}
    for name, artefact in job.inputs.items():
        if name.startswith(PICKED):
            sampler, *cycle = name.removeprefix(PICKED).split(".")
            table = read_selection(artefact)
            if cycle:
                trial, budget = map(int, cycle)
                table = labelled_rows(table, trial, budget).assign(trial=trial)
            selections.setdefault(sampler, []).append(table)
    tables = {sampler: pd.concat(several) for sampler, several in selections.items()}
    # Always on the CPU: thousands of fits take seconds there, no job waits for a GPU, and equal
    # embeddings give equal metrics on every machine.
    metrics = metrics_of(job.recipe["metrics"])
    return evaluate(candidates, test, tables, metrics, recipe.c, recipe.tolerance)


def evaluate(
    candidates: Labelled,
    test: Labelled,
    selections: Mapping[str, pd.DataFrame],
    metrics: Mapping[str, Metric],
    c: float,
    tolerance: float | None = None,
) -> pd.DataFrame:
    """Measure the learner of every selection.

    Args:
        candidates: the images that the selections are of.
        test: the images that learners are judged on; outliers are left out.
        selections: for each sampler, a table with trial, budget and id.
        metrics: by name.
        c: inverse strength of the L2 penalty.
        tolerance: as ``fit_probes`` has it.

    Returns:
        sampler, trial, budget, metric, label, value. ``label`` is the class, missing where the
        metric is of all.

    Raises:
        ColdstartError: no test image belongs to a class.
    """
    within = tested(test.labels)
    features, expected = test.features[within], test.labels[within]
    classes = int(max(candidates.labels.max(), expected.max())) + 1
    inside = candidates.labels != OUTLIER
    row = np.cumsum(inside) - 1  # row among the candidates that belong to a class
    truth = candidates.labels[inside]
    groups = [
        (sampler, trial, budget, np.searchsorted(candidates.ids, np.sort(group["id"].to_numpy())))
        for sampler, table in selections.items()
        for (trial, budget), group in table.groupby(["trial", "budget"], sort=True)
    ]
    # Several samplers may pick the same subset, such as all candidates. It is fitted once.
    positions: dict[bytes, int] = {}
    solved = [positions.setdefault(rows.tobytes(), len(positions)) for *_, rows in groups]
    chosen = [np.frombuffer(rows, dtype=np.intp) for rows in positions]
    subsets = [row[rows[inside[rows]]] for rows in chosen]
    log.info("fitting %d classifiers for %d selections", len(subsets), len(groups))
    coef, intercept = _fit(candidates.features[inside], truth, subsets, classes, c, tolerance)
    bought = [candidates.labels[rows] for rows in chosen]
    measured = measure_probes(features, expected, coef, intercept, bought, metrics)
    frames = []
    for (sampler, trial, budget, _), at in zip(groups, solved, strict=True):
        about: dict[str, Any] = {"sampler": sampler, "trial": trial, "budget": budget}
        frames.append(measured[at].assign(**about)[COLUMNS])
    return pd.concat(frames, ignore_index=True)


def _fit(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    subsets: list[NDArray[np.intp]],
    classes: int,
    c: float,
    tolerance: float | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit all subsets; a learner without any label predicts all classes alike."""
    coef = np.zeros((len(subsets), classes, features.shape[1]), dtype=np.float32)
    intercept = np.zeros((len(subsets), classes), dtype=np.float32)
    some = [number for number, subset in enumerate(subsets) if len(subset)]
    chosen = [subsets[number] for number in some]
    coef[some], intercept[some] = fit_probes(features, labels, chosen, classes, c, tolerance)
    return coef, intercept


def _read(job: Job, split: str) -> Labelled:
    path = job.inputs["embeddings"].path("embeddings.parquet")
    ids, features = read_embeddings(path, split)
    return Labelled(ids, features, read_labels(job.inputs["labels"], ids))
