"""Growth of a classifier's accuracy with its labels, by cross-validation on the labels alone."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.embeddings.tables import read_embeddings
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.scaling import scaling
from coldstart.learners.labels import given
from coldstart.running.job import Job

GROWTH = "growth.parquet"

LEAST_LABELS = 10
"""With fewer labels nothing is measured."""
FOLDS = 5
MOST_SIZES = 6
REPETITIONS = 10
ANSWERS = 2_000
"""Each image is held out in ``REPETITIONS`` divisions, or in as many as give this many answers."""


def make(job: Job) -> None:
    """``growth.parquet``: id, labels (of a training), right (share of the repetitions)."""
    recipe = LogisticRegression.model_validate(job.recipe["learner"])
    bought = given(job.inputs["labelled"], job.inputs["index"])
    ids, features = read_embeddings(
        job.inputs["embeddings"].path("embeddings.parquet"), "candidates"
    )
    mean, scale = scaling(features, recipe.standardise)
    rows = np.searchsorted(ids, bought.ids)
    table = measure_growth(
        (features[rows] - mean) * scale,
        bought.labels,
        job.recipe["classes"],
        recipe,
        job.recipe["encoder_seed"],
    )
    table["id"] = bought.ids[table["id"]]
    table.to_parquet(job.out / GROWTH, index=False)


def measure_growth(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    recipe: LogisticRegression,
    seed: int,
) -> pd.DataFrame:
    """Train on nested parts of the labels, and count how often each held-out image is right.

    The images are divided into five folds at random, several times. The images of a fold are
    predicted by classifiers of parts of the other four: of all, half, a quarter and so on.

    Args:
        features: embeddings of the labelled images, float32 [n, dim].
        labels: their classes, int64 [n].
        classes: number of classes.
        recipe: of the classifier.
        seed: of the divisions.

    Returns:
        A row per size of a training and image: ``id`` (the image's row), ``labels`` and ``right``.
        None for fewer than ``LEAST_LABELS`` labels, or labels of one class.
    """
    count = len(labels)
    sizes = training_sizes(count) if classes > 1 else []
    repetitions = max(1, min(REPETITIONS, ANSWERS // max(count, 1)))
    rng = np.random.default_rng(seed)
    subsets: list[NDArray[np.int64]] = []
    held_out: list[tuple[int, NDArray[np.int64]]] = []
    for _ in range(repetitions if sizes else 0):
        order = rng.permutation(count)
        for held in np.array_split(order, FOLDS):
            rest = rng.permutation(np.setdiff1d(order, held))
            subsets += [rest[:size] for size in sizes]
            held_out += [(number, held) for number in range(len(sizes))]
    right = np.zeros((len(sizes), count))
    if subsets:
        weights = fit_probes(features, labels, subsets, classes, recipe.c, recipe.tolerance)
        for (number, held), coef, intercept in zip(held_out, *weights, strict=True):
            predicted = (features[held] @ coef.T + intercept).argmax(axis=1)
            right[number, held] += predicted == labels[held]
    return pd.DataFrame(
        {
            "id": np.tile(np.arange(count), len(sizes)),
            "labels": np.repeat(np.array(sizes, dtype=np.int64), count),
            "right": right.ravel() / repetitions,
        }
    )


def training_sizes(count: int) -> list[int]:
    """Return the sizes of trainings on ``count`` labels, ascending: four fifths, and its halves."""
    if count < LEAST_LABELS:
        return []
    sizes = [count - -(-count // FOLDS)]  # of the smallest training, so that all have as many
    while len(sizes) < MOST_SIZES and sizes[-1] // 2 >= FOLDS:
        sizes.append(sizes[-1] // 2)
    return sizes[::-1]
