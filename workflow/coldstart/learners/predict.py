"""Tables that models of a learner give: what samplers and the evaluation read of them."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coldstart.config.recipes.learners.base import LEARNERS, asking_module
from coldstart.config.recipes.predictions import Prediction
from coldstart.data.read import SPLITS, read_ids
from coldstart.embeddings.tables import write_embeddings, write_predictions, write_scores
from coldstart.running.job import Job
from coldstart.store import Artefact

MEMBER = "model."
"""Inputs with this prefix are models; the member's number follows."""

EMBEDDINGS, PREDICTIONS, VOTES, SCORES = "embeddings", "predictions", "votes", "scores"


def make(job: Job) -> None:
    """A Parquet file of embeddings, predictions or scores for each table that the recipe asks for.

    Embeddings have id, split and embedding, of the first member. Predictions have id, split,
    member, pass and the probability of each class: of each vote where the recipe asks for
    ``votes``, else their mean as member and pass 0. Scores have id, pass (the member's number) and
    score. The images of a split pass each model once.
    """
    outputs: Mapping[str, Sequence[str]] = job.recipe["outputs"]
    prediction = Prediction.model_validate(job.recipe["prediction"])
    models = models_of(job)
    recipe = LEARNERS.adapter().validate_python(models[0].manifest["recipe"]["learner"])
    answers = importlib.import_module(asking_module(recipe)).Answers(job, recipe, prediction)
    found: dict[str, list[tuple[str, np.ndarray, np.ndarray]]] = {name: [] for name in outputs}
    for split in SPLITS:
        asked = {name for name, splits in outputs.items() if split in splits}
        ids = read_ids(job.inputs["index"], split) if asked else np.empty(0, dtype=np.int64)
        if not len(ids):
            continue
        given = [
            answers.ask(model, number, ids, _of_member(asked, number))
            for number, model in enumerate(models)
        ]
        if EMBEDDINGS in asked:
            found[EMBEDDINGS].append((split, ids, given[0].embeddings))
        if VOTES in asked:
            found[VOTES].append((split, ids, np.stack([one.predictions for one in given])))
        if PREDICTIONS in asked:
            means = [one.predictions.mean(axis=0) for one in given]
            found[PREDICTIONS].append((split, ids, np.mean(means, axis=0)[None, None]))
        if SCORES in asked:
            found[SCORES].append((split, ids, np.stack([one.scores for one in given])))
    for name, (file, write, axis) in WRITTEN.items():
        if found.get(name):
            ids = np.concatenate([ids for _, ids, _ in found[name]])
            splits = [split for split, some, _ in found[name] for _ in some]
            values = np.concatenate([values for *_, values in found[name]], axis=axis)
            write(job.out / file, ids, splits, values)


def _of_member(asked: set[str], number: int) -> set[str]:
    """The tables that a member is asked for: embeddings are the first one's, and votes its own."""
    tables = {PREDICTIONS if name == VOTES else name for name in asked}
    return tables - {EMBEDDINGS} if number else tables


def _write_scores(
    path: Path, ids: NDArray[np.int64], splits: list[str], scores: NDArray[Any]
) -> None:
    """Write id, pass and score; only candidates have any, so that the split is no column."""
    write_scores(path, ids, scores, "score")


WRITTEN: Mapping[str, tuple[str, Callable[..., None], int]] = {
    EMBEDDINGS: ("embeddings.parquet", write_embeddings, 0),
    PREDICTIONS: ("predictions.parquet", write_predictions, 2),
    VOTES: ("predictions.parquet", write_predictions, 2),
    SCORES: ("scores.parquet", _write_scores, 1),
}
"""The file of each table, its writer, and the axis of its values that the images are along."""


def models_of(job: Job) -> list[Artefact]:
    """Return the members, in their order."""
    members = job.recipe["prediction"]["members"]
    return [job.inputs[f"{MEMBER}{number}"] for number in range(members)]
