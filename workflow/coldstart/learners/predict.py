"""Tables that models of a learner give: what samplers and the evaluation read of them."""

import importlib
from collections.abc import Mapping, Sequence

import numpy as np

from coldstart.config.recipes.learners.base import LEARNERS, asking_module
from coldstart.config.recipes.predictions import Prediction
from coldstart.data.read import SPLITS, read_ids
from coldstart.embeddings.tables import write_embeddings, write_predictions
from coldstart.running.job import Job
from coldstart.store import Artefact

MEMBER = "model."
"""Inputs with this prefix are models; the member's number follows."""

EMBEDDINGS, PREDICTIONS = "embeddings", "predictions"


def make(job: Job) -> None:
    """``embeddings.parquet`` and ``predictions.parquet``, as much of them as the recipe asks for.

    Embeddings have id, split and embedding, of the first member. Predictions have id, split,
    member, pass and the probability of each class. The images of a split pass each model once.
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
            answers.ask(model, number, ids, EMBEDDINGS in asked and number == 0)
            for number, model in enumerate(models)
        ]
        if EMBEDDINGS in asked:
            found[EMBEDDINGS].append((split, ids, given[0].embeddings))
        if PREDICTIONS in asked:
            found[PREDICTIONS].append((split, ids, np.stack([one.votes for one in given])))
    for name, write in ((EMBEDDINGS, write_embeddings), (PREDICTIONS, write_predictions)):
        if found.get(name):
            ids = np.concatenate([ids for _, ids, _ in found[name]])
            splits = [split for split, some, _ in found[name] for _ in some]
            axis = 0 if name == EMBEDDINGS else 2
            values = np.concatenate([values for *_, values in found[name]], axis=axis)
            write(job.out / f"{name}.parquet", ids, splits, values)


def models_of(job: Job) -> list[Artefact]:
    """Return the members, in their order."""
    members = job.recipe["prediction"]["members"]
    return [job.inputs[f"{MEMBER}{number}"] for number in range(members)]
