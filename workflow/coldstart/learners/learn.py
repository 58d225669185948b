"""A classifier trained on the labels that a budget has bought, and judged on the test images."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from coldstart.config.recipes.learners import Classifier as Recipe
from coldstart.data.read import OUTLIER, read_ids, read_images, read_labels
from coldstart.errors import ColdstartError
from coldstart.evaluation.metrics import (
    TOP_K,
    average_precision,
    judged,
    merits,
    top_k_accuracy,
)
from coldstart.learners.classifier import Classifier, build
from coldstart.learners.labels import labelled_rows
from coldstart.progress import Progress, log
from coldstart.running.job import Job
from coldstart.training.checkpoint import save_tensors
from coldstart.training.device import chosen_device
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import Inputs
from coldstart.training.resume import Keeper, fingerprint
from coldstart.training.trainer import Trainer

MODEL = "model.safetensors"


@dataclass(frozen=True)
class Bought:
    """Images whose labels were bought.

    Attributes:
        ids: of the images that belong to a class, ascending: int64 [n].
        labels: their classes, int64 [n].
        outliers: images bought beside them that belong to none: they teach nothing.
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    outliers: int


def make(job: Job) -> None:
    """``model.safetensors``, ``history.parquet`` and ``metrics.parquet`` (metric, label, value)."""
    device = chosen_device(job.settings)
    bought = _buy(job)
    unlabeled = Images.open(job.inputs["images"].path("images.npy"), _ids(job, "unlabeled"))
    height, width, channels = unlabeled.shape[1:]
    inputs = Inputs(height, width, channels, *channel_statistics(unlabeled))
    recipe, classes = Recipe.model_validate(job.recipe["learner"]), job.recipe["classes"]
    seed = trial_seed(job.recipe)
    images = Images(unlabeled.array, bought.ids)
    model = build(recipe, inputs, classes, seed)
    history = Trainer(
        model,
        images,
        recipe,
        seed,
        device,
        Keeper(job.resume, _name(recipe, seed, images, bought)),
        on_gpu=job.settings.images_on_gpu,
        labels=torch.from_numpy(bought.labels),
    ).run()
    ids = _ids(job, "test")
    test = read_images(job.inputs["images"], ids)
    truth = read_labels(job.inputs["labels"], ids)
    inside = judged(truth)
    probabilities = predict(model, test[inside], recipe.batch_size, device)
    top_k = top_k_accuracy(probabilities, truth[inside], TOP_K)
    log.info("%d labels: top-1 accuracy %.3f on the test images", len(bought.ids), top_k[0])
    merits(
        top_k,
        average_precision(probabilities, truth[inside]),
        np.bincount(bought.labels, minlength=classes),
        bought.outliers,
    ).to_parquet(job.out / "metrics.parquet", index=False)
    history.to_parquet(job.out / "history.parquet", index=False)
    save_tensors(model, job.out / MODEL)


def trial_seed(recipe: Mapping[str, Any]) -> int:
    """The seed of all that is random in one trial with one encoder."""
    sequence = np.random.SeedSequence((recipe["encoder_seed"], recipe["trial"]))
    return int(sequence.generate_state(1)[0])


@torch.inference_mode()
def predict(
    model: Classifier, images: NDArray[np.uint8], batch: int, device: torch.device
) -> NDArray[np.float64]:
    """The probability of each class for each image, [n, classes].

    Args:
        model: trained; it is left in evaluation mode.
        images: uint8 [n, height, width, channels].
        batch: images that pass at a time.
        device: where the model is.
    """
    model.eval()
    progress = Progress("predicting", len(images))
    parts = []
    for start in range(0, len(images), batch):
        part = torch.from_numpy(images[start : start + batch]).to(device)
        parts.append(torch.softmax(model(part).double(), 1).cpu().numpy())
        progress.advance(len(part))
    return np.concatenate(parts)


def _buy(job: Job) -> Bought:
    """Ask the oracle for the labels of what was picked, and for no others."""
    ids = np.sort(labelled_rows(job.inputs["selection"], job.recipe)["id"].to_numpy())
    labels = read_labels(job.inputs["labels"], ids)
    inside = labels != OUTLIER
    if inside.sum() < 2:
        raise ColdstartError(
            f"{len(ids)} labels were bought, and {int(inside.sum())} of them are of a class; a "
            "classifier is trained on two or more: raise the smallest of the run's budgets"
        )
    return Bought(ids[inside], labels[inside], int((~inside).sum()))


def _ids(job: Job, split: str) -> NDArray[np.int64]:
    return read_ids(job.inputs["index"], split)


def _name(recipe: Recipe, seed: int, images: Images, bought: Bought) -> str:
    """Name a training by all that decides its outcome."""
    labels = hashlib.blake2b(bought.labels.tobytes(), digest_size=8).hexdigest()
    return f"{fingerprint(recipe, seed, images)} {labels}"
