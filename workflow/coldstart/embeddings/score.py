"""Scores of a pool's candidates under the objective that the model was trained by."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.config.encoders import Augmentation, Pca
from coldstart.config.scores import Score
from coldstart.data.read import read_split
from coldstart.embeddings.grad_norm import gradient_norms
from coldstart.embeddings.model import read_model
from coldstart.embeddings.tables import write_scores
from coldstart.errors import ColdstartError
from coldstart.jobs import Job
from coldstart.progress import Progress
from coldstart.ssl.augment import augment
from coldstart.ssl.device import resolve_device
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.pca import PcaModel


def make(job: Job) -> None:
    """``scores.parquet``: id, pass and ``loss`` or ``grad_norm``, for every candidate."""
    recipe = Score.model_validate({k: v for k, v in job.recipe.items() if k != "seed"})
    images, ids = read_split(job.inputs["images"], job.inputs["index"], "candidates")
    device = resolve_device(job.settings.device)
    model, encoder = read_model(job.inputs["checkpoint"], images.shape[-1], device)
    if isinstance(model, PcaModel) or isinstance(encoder, Pca):
        raise ColdstartError(f"an encoder of method `{encoder.method}` has no scores")
    values = score(model, images, encoder.augmentation, recipe, job.recipe["seed"], device)
    write_scores(job.out / "scores.parquet", ids, values, recipe.column)


def score(
    model: SelfSupervised,
    images: NDArray[np.uint8],
    augmentation: Augmentation,
    recipe: Score,
    seed: int,
    device: torch.device,
) -> NDArray[np.float32]:
    """The score of each image in each pass: float32 [passes, n].

    A pass draws two views of every image by the augmentation that the model was trained with. The
    model stays in evaluation mode, so that an image's score does not depend on its neighbours.

    Raises:
        ColdstartError: if a score is not finite.
    """
    generator = torch.Generator(device).manual_seed(seed)
    progress = Progress(recipe.score, recipe.passes * len(images))
    values = np.empty((recipe.passes, len(images)), dtype=np.float32)
    for number in range(recipe.passes):
        for start in range(0, len(images), recipe.batch_size):
            rows = slice(start, start + recipe.batch_size)
            batch = torch.from_numpy(images[rows]).to(device).permute(0, 3, 1, 2).float() / 255
            views = [augment(batch, augmentation, generator) for _ in range(2)]
            values[number, rows] = _scores(model, views[0], views[1], recipe).cpu().numpy()
            progress.advance(len(batch))
    if not np.isfinite(values).all():
        raise ColdstartError(f"{recipe.score}: the model gives non-finite scores; it has diverged")
    return values


def _scores(model: SelfSupervised, first: Tensor, second: Tensor, recipe: Score) -> Tensor:
    if recipe.score == "loss":
        with torch.inference_mode():
            return model.losses(first, second)
    return gradient_norms(model.online, lambda: model.losses(first, second), len(first))
