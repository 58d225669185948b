"""Linear learners on frozen embeddings: every labelled set of a run is fitted in one batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.data.read import OUTLIER, read_labels
from coldstart.embeddings.tables import read_embeddings
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.metrics import COLUMNS, TOP_K, evaluate_probes, judged, merits
from coldstart.evaluation.scaling import scaling
from coldstart.progress import log
from coldstart.running.job import Job
from coldstart.selection.labelled import labelled_rows, read_selection

PICKED = "selection."
"""Inputs with this prefix are selections; the sampler's name follows, and a cycle's trial and
budget."""


@dataclass(frozen=True)
class Labelled:
    """Images with their labels, as only the evaluation may see them.

    Attributes:
        ids: int64 [n].
        features: float32 [n, dim].
        labels: int64 [n].
    """

    ids: NDArray[np.int64]
    features: NDArray[np.float32]
    labels: NDArray[np.int64]


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
    # On the CPU everywhere: thousands of fits take seconds there, no job waits for a GPU, and the
    # same embeddings give the same metrics on every machine.
    return evaluate(candidates, test, tables, recipe.c, recipe.tolerance)


def evaluate(
    candidates: Labelled,
    test: Labelled,
    selections: Mapping[str, pd.DataFrame],
    c: float,
    tolerance: float | None = None,
) -> pd.DataFrame:
    """Every figure of merit of every selection.

    Args:
        candidates: what was selected from.
        test: what accuracy is measured on; images that belong to no class are left out.
        selections: for each sampler, a table with trial, budget and id.
        c: inverse strength of the L2 penalty.
        tolerance: as ``fit_probes`` has it.

    Returns:
        sampler, trial, budget, metric, label, value. The metrics are ``top-1`` to ``top-3``
        (share of test images whose label is among the k most probable), ``average-precision`` of
        each class that a test image is of, ``picked``, the number of labels bought of each class,
        and ``outliers``, the number of images bought that belong to none: they cost a label and
        teach the learner nothing. ``label`` is the class, missing where the metric is of all.

    Raises:
        ColdstartError: no test image belongs to a class.
    """
    within = judged(test.labels)
    tested, expected = test.features[within], test.labels[within]
    classes = int(max(candidates.labels.max(), expected.max())) + 1
    inside = candidates.labels != OUTLIER
    row = np.cumsum(inside) - 1  # among the candidates that teach something
    features, truth = candidates.features[inside], candidates.labels[inside]
    groups = [
        (sampler, trial, budget, np.searchsorted(candidates.ids, np.sort(group["id"].to_numpy())))
        for sampler, table in selections.items()
        for (trial, budget), group in table.groupby(["trial", "budget"], sort=True)
    ]
    # Samplers that nest meet at the largest budgets; a subset is solved once, whoever picked it.
    positions: dict[bytes, int] = {}
    known = [row[rows[inside[rows]]] for *_, rows in groups]
    solved = [positions.setdefault(rows.tobytes(), len(positions)) for rows in known]
    subsets = [np.frombuffer(rows, dtype=np.intp) for rows in positions]
    log.info("fitting %d classifiers for %d selections", len(subsets), len(groups))
    coef, intercept = _fit(features, truth, subsets, classes, c, tolerance)
    top_k, precision = evaluate_probes(tested, expected, coef, intercept, TOP_K)
    frames = []
    for (sampler, trial, budget, rows), at in zip(groups, solved, strict=True):
        picked = np.bincount(truth[subsets[at]], minlength=classes)
        outliers = len(rows) - len(subsets[at])
        frame = merits(top_k[at], precision[at], picked, outliers)
        about: dict[str, Any] = {"sampler": sampler, "trial": trial, "budget": budget}
        frames.append(frame.assign(**about)[COLUMNS])
    return pd.concat(frames, ignore_index=True)


def _fit(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    subsets: list[NDArray[np.intp]],
    classes: int,
    c: float,
    tolerance: float | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit all subsets; without a label there is nothing to fit, and every class is as likely."""
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


def standardised(candidates: Labelled, test: Labelled) -> tuple[Labelled, Labelled]:
    """Both brought to mean 0 and variance 1 over the candidates; constant features become 0."""
    mean, scale = scaling(candidates.features)
    return (
        Labelled(candidates.ids, (candidates.features - mean) * scale, candidates.labels),
        Labelled(test.ids, (test.features - mean) * scale, test.labels),
    )
