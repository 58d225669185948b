"""The stage: unlabeled images in, an encoder out."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.config.encoders import Byol, Pca
from coldstart.errors import ColdstartError
from coldstart.ssl import pca
from coldstart.ssl.checkpoint import load_tensors, read_tensors, save_tensors
from coldstart.ssl.device import place
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.trainer import Trainer, channel_statistics

MODEL = "model.safetensors"
HISTORY = "history.parquet"


def build_model(
    recipe: Byol, channels: int, mean: Tensor, std: Tensor, seed: int
) -> SelfSupervised:
    """Build an untrained model on the CPU, its weights drawn from the seed alone.

    Args:
        recipe: its method names the module of this package that builds it.
        channels: channels of the images.
        mean: each channel's mean, in [0, 1], float [C].
        std: its standard deviation, float [C].
        seed: of the weights; torch's global generator is left as it was.
    """
    method = importlib.import_module(f"coldstart.ssl.{recipe.method}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: SelfSupervised = method.build(recipe, channels, mean, std)
    return model


def pretrain(
    images: NDArray[np.uint8],
    recipe: Byol | Pca,
    seed: int,
    device: torch.device,
    resume: Path | None,
    out: Path,
) -> None:
    """Make an encoder from unlabeled images.

    Writes ``model.safetensors``, and ``history.parquet``: a row per epoch (``epoch``, ``loss``,
    ``lr``, ``images_per_second``), or for PCA one per component (``component``,
    ``explained_variance_ratio``).

    Args:
        images: uint8 [N, H, W, C].
        recipe: which method, and all its numbers.
        seed: of everything random.
        device: where to train.
        resume: folder that keeps the state of an unfinished training; deleted at the end.
        out: folder to write to; made if it is not there.

    Raises:
        ColdstartError: fewer than two images, or a training that diverges.
    """
    if len(images) < 2:
        raise ColdstartError(
            f"pretraining needs two images or more, and the pool has {len(images)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    model: SelfSupervised | pca.PcaModel
    if isinstance(recipe, Pca):
        model, history = pca.fit(images, recipe, seed)
    else:
        statistics = channel_statistics(images)
        model = untrained = build_model(recipe, images.shape[-1], *statistics, seed)
        history = Trainer(untrained, images, recipe, seed, device, resume).run()
    save_tensors(model, out / MODEL)
    history.to_parquet(out / HISTORY, index=False)
    if resume:
        shutil.rmtree(resume, ignore_errors=True)


def load_model(
    folder: Path, recipe: Byol | Pca, channels: int, device: torch.device
) -> SelfSupervised | pca.PcaModel:
    """Load a pretrained model, in evaluation mode and channels last.

    Args:
        folder: where ``pretrain`` wrote.
        recipe: the one it was made from.
        channels: channels of the images.
        device: where to put it.

    Returns:
        A model whose ``encoder`` maps uint8 [N, H, W, C] to float32 [N, D].

    Raises:
        ColdstartError: names the file, and the tensor that does not fit the recipe.
    """
    path = folder / MODEL
    tensors = read_tensors(path)
    model: SelfSupervised | pca.PcaModel
    if isinstance(recipe, Pca):
        model = pca.build(tensors, recipe)
    else:
        model = build_model(recipe, channels, torch.zeros(channels), torch.ones(channels), seed=0)
    load_tensors(model, tensors, path)
    return place(model, device).eval()
