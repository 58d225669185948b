"""Logistic regression on frozen embeddings, as a learner that a sampler can ask in each cycle.

Where nobody asks it, the evaluation fits all labelled sets of a run in one batch instead.
"""

from collections.abc import Set
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from scipy.special import softmax

from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.config.recipes.predictions import Prediction
from coldstart.data.read import SPLITS
from coldstart.embeddings.tables import read_embeddings
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.scaling import scaling
from coldstart.learners.answers import Answer
from coldstart.learners.labels import Bought
from coldstart.running.job import Job
from coldstart.store import Artefact
from coldstart.training.checkpoint import read_tensors

MODEL = "model.safetensors"


def learn(job: Job, recipe: LogisticRegression, bought: Bought) -> None:
    """Fit the classifier on the labelled images' embeddings.

    Writes ``model.safetensors`` (``coef`` [classes, dim], ``intercept`` [classes], and ``mean`` and
    ``scale`` [dim] of the embeddings) and ``history.parquet`` with the number of labels.
    """
    path = job.inputs["embeddings"].path("embeddings.parquet")
    ids, features = read_embeddings(path, "candidates")
    mean, scale = scaling(features, recipe.standardise)
    rows = np.searchsorted(ids, bought.ids)
    coef, intercept = fit_probes(
        (features[rows] - mean) * scale,
        bought.labels,
        [np.arange(len(rows))],
        job.recipe["classes"],
        recipe.c,
        recipe.tolerance,
    )
    tensors = {"coef": coef[0], "intercept": intercept[0], "mean": mean, "scale": scale}
    stored = {name: torch.from_numpy(np.ascontiguousarray(t)) for name, t in tensors.items()}
    (job.out / MODEL).write_bytes(save(stored))
    pd.DataFrame({"labels": [len(rows)]}).to_parquet(job.out / "history.parquet", index=False)


class Answers:
    """Fitted classifiers, asked about a pool's embeddings.

    Args:
        job: has the embeddings.
        recipe: of the learner.
        prediction: one model and one pass: nothing in a classifier draws.
    """

    def __init__(self, job: Job, recipe: LogisticRegression, prediction: Prediction) -> None:
        self.path = job.inputs["embeddings"].path("embeddings.parquet")

    def ask(
        self, artefact: Artefact, member: int, ids: NDArray[np.int64], tables: Set[str]
    ) -> Answer:
        """Return the probability of each class for the images with these ids."""
        found, features = read_embeddings(self.path, *SPLITS)
        order = np.argsort(found)
        rows = order[np.searchsorted(found, ids, sorter=order)]
        return Answer(predict(artefact.path(MODEL), features[rows])[None])


def predict(path: Path, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the probability of each class for each embedding, float64 [n, classes].

    Args:
        path: the model's tensors.
        features: embeddings, float32 [n, dim].
    """
    model = {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
    # float64, because probabilities near 1 would be ties in float32.
    scaled = ((features - model["mean"]) * model["scale"]).astype(np.float64)
    logits = scaled @ model["coef"].T.astype(np.float64) + model["intercept"]
    likely: NDArray[np.float64] = softmax(logits, axis=1)
    return likely
