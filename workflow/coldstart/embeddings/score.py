"""Scores of a pool's candidates, computed from the loss that the model was trained with."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.encoders import Trained
from coldstart.config.recipes.scores import Score
from coldstart.data.read import read_split
from coldstart.embeddings.grad_embedding import embedding_gradient_norms
from coldstart.embeddings.grad_norm import gradient_norms
from coldstart.embeddings.model import read_model
from coldstart.embeddings.passes import Each, in_passes, losses
from coldstart.embeddings.tables import write_scores
from coldstart.running.job import Job
from coldstart.ssl.method import SelfSupervised
from coldstart.training.device import chosen_device


def make(job: Job) -> None:
    """Write ``scores.parquet``: id, pass and the score, such as ``loss``, of every candidate."""
    recipe = Score.model_validate({k: v for k, v in job.recipe.items() if k != "seed"})
    images, ids = read_split(job.inputs["images"], job.inputs["index"], "candidates")
    device = chosen_device(job.settings)
    model, encoder = read_model(job.inputs["checkpoint"], images.shape[1:], device)
    if not (isinstance(model, SelfSupervised) and isinstance(encoder, Trained)):
        raise ColdstartError(f"an encoder of method `{encoder.method}` has no scores")
    values = score(model, images, ids, encoder.views, recipe, job.recipe["seed"], device)
    write_scores(job.out / "scores.parquet", ids, values, recipe.column)


def score(
    model: SelfSupervised,
    images: NDArray[np.uint8],
    ids: NDArray[np.int64],
    views: Sequence[Augmentation],
    recipe: Score,
    seed: int,
    device: torch.device,
) -> NDArray[np.float32]:
    """Return the score of each image in each pass, float32 [passes, n]; see ``in_passes``."""
    return in_passes(model, _scorer(model, recipe), images, ids, views, recipe, seed, device)


def _scorer(model: SelfSupervised, recipe: Score) -> Each:
    """Return what gives each image the score that a recipe names."""
    if recipe.score == "loss":
        return losses(model)
    if recipe.score == "grad-embedding":
        return lambda views, ids: embedding_gradient_norms(
            model.encoder, lambda: model.losses(views, ids), len(ids)
        )
    return lambda views, ids: gradient_norms(
        model.online, lambda: model.losses(views, ids), len(ids)
    )
