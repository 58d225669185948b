"""From unlabeled images to an encoder on the disk."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders import ENCODERS, Encoder, Trained
from coldstart.config.recipes.encoders.scan import Scan
from coldstart.ssl.launch import launch
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.models import MODEL, build_model, load_model
from coldstart.ssl.request import Request
from coldstart.ssl.start import Start
from coldstart.training.checkpoint import save_tensors, snapshot_epochs, snapshot_name
from coldstart.training.distributed import joined, rank
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import EncoderModel, Inputs
from coldstart.training.neighbours import embed_images, nearest
from coldstart.training.resume import Keeper, fingerprint
from coldstart.training.streams import unlabelled
from coldstart.training.trainer import ON_GPU, Trainer

HISTORY = "history.parquet"


def pretrain(
    images: NDArray[np.uint8] | Images,
    recipe: Encoder,
    seed: int,
    device: torch.device,
    resume: Path | None,
    out: Path,
    processes: int = 1,
    on_gpu: float = ON_GPU,
    start: Start | None = None,
) -> None:
    """Make an encoder from unlabeled images.

    Writes ``model.safetensors``, ``history.parquet`` and the snapshots that the recipe asks for,
    ``epoch-0010.safetensors`` and so on, which hold the encoder alone. The history has a row per
    epoch, as ``Trainer.run`` describes it, or for PCA one per component (``component``,
    ``explained_variance_ratio``).

    Processes that torchrun has started are joined if all of them call this; the first one writes.

    Args:
        images: uint8 [N, H, W, C].
        recipe: which method, and all its numbers.
        seed: of everything random.
        device: where to train.
        resume: folder that keeps the state of an unfinished training, and stays
            until the caller has put away what was written.
        out: folder to write to; made if it is not there.
        processes: how many to start that train together, each with a GPU of its own unless the
            device is the CPU.
        on_gpu: the share of a GPU's memory that the images may take; more are streamed.
        start: the encoder that the training starts from, if its recipe names one.

    Raises:
        ColdstartError: fewer than two images, or a training that diverges or collapses.
    """
    images = Images.of(images)
    if len(images) < 2:
        raise ColdstartError(
            f"pretraining needs two images or more, and the pool has {len(images)}"
        )
    out.mkdir(parents=True, exist_ok=True)
    _, height, width, channels = images.shape
    inputs = Inputs(height, width, channels, *channel_statistics(images))
    if not isinstance(recipe, Trained):
        model, history = ENCODERS.load(recipe).fit(images, recipe, inputs, seed)
        write_encoder(model, history, out)
        return
    assert (recipe.start is None) == (start is None)
    begun = (start.folder / MODEL).read_bytes() if start else b""
    keeper = Keeper(resume, fingerprint(recipe, seed, images, begun)) if resume else None
    request = Request(images, recipe, inputs, seed, keeper, out, on_gpu, start)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        with joined(device) as own:
            train(request, own)
    elif processes > 1:
        launch(processes, request, device)
    else:
        train(request, device)


def train(request: Request, device: torch.device) -> None:
    """Train an encoder in this process and those that it has joined; the first one writes.

    Args:
        request: what to train.
        device: this process's own.
    """
    images, recipe, keeper, out = request.images, request.recipe, request.keeper, request.out
    model = build_model(recipe, request.inputs, request.seed)
    start = request.start
    neighbours = go_on(model, recipe, start, images, device) if start else None
    # Kept where they outlive a kill.
    snapshots = keeper.folder if keeper else out
    streams = unlabelled(images, recipe, neighbours)
    trainer = Trainer(
        model, streams, recipe, request.seed, device, keeper, snapshots, request.on_gpu
    )
    history = trainer.run()
    if rank() != 0:
        return
    write_encoder(model, history, out)
    if keeper:
        for name in map(snapshot_name, snapshot_epochs(recipe)):
            shutil.copyfile(snapshots / name, out / name)


def write_encoder(model: EncoderModel, history: pd.DataFrame, out: Path) -> None:
    """Write a finished model and the table of its history."""
    save_tensors(model, out / MODEL)
    history.to_parquet(out / HISTORY, index=False)


def go_on(
    model: SelfSupervised, recipe: Trained, start: Start, images: Images, device: torch.device
) -> Tensor | None:
    """Let a model go on from another one's weights.

    Returns:
        Each image's nearest neighbours, int64 [N, K], by the embeddings of that other model, for a
        method that needs them. They are found again when a training is resumed.
    """
    begun = load_model(start.folder, start.recipe, images.shape[1:], device)
    model.go_on_from(begun)
    if rank() == 0:
        model.look_at(begun, images, device)
    if not isinstance(recipe, Scan):
        return None
    return nearest(embed_images(begun.encoder, images, device), recipe.neighbours)
