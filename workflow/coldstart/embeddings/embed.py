"""Embeddings of a pool's candidates and test images."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from coldstart.config.recipes.scores import Embedding
from coldstart.data.read import SPLITS, read_ids, read_images
from coldstart.embeddings.model import read_model
from coldstart.embeddings.tables import write_embeddings
from coldstart.errors import ColdstartError
from coldstart.progress import Progress
from coldstart.running.job import Job
from coldstart.training.device import chosen_device


def make(job: Job) -> None:
    """``embeddings.parquet``: id, split, embedding: the features, or each cluster's probability."""
    recipe = Embedding.model_validate(job.recipe)
    device = chosen_device(job.settings)
    ids, splits, parts = [], [], []
    model = None
    for split in SPLITS:
        chosen = read_ids(job.inputs["index"], split)
        if not len(chosen):  # a pool that nothing is judged by has no test images
            continue
        images = read_images(job.inputs["images"], chosen)
        if model is None:
            model, _ = read_model(job.inputs["checkpoint"], images.shape[1:], device)
        network = model.encoder if recipe.output == "features" else model.clusters
        if network is None:
            raise ColdstartError(f"the checkpoint {job.inputs['checkpoint'].key} has no clusters")
        parts.append(embed(network, images, recipe, device))
        ids.append(chosen)
        splits += [split] * len(chosen)
    write_embeddings(
        job.out / "embeddings.parquet", np.concatenate(ids), splits, np.concatenate(parts)
    )


@torch.inference_mode()
def embed(
    encoder: nn.Module, images: NDArray[np.uint8], recipe: Embedding, device: torch.device
) -> NDArray[np.float32]:
    """The encoder's output for each image, float32 [n, dim].

    Args:
        encoder: maps uint8 [n, height, width, channels] to float32 [n, dim].
        images: uint8 [n, height, width, channels].
        recipe: with ``bn_mode: train``, BatchNorm normalises by the statistics of each batch and
            leaves its running statistics as they are; with ``mirrored``, the output is the mean of
            those for the image and for its mirror image.
        device: where to compute.

    Raises:
        ColdstartError: if an embedding is not finite.
    """
    progress = Progress("embedding", len(images))
    parts = []
    encoder.eval()
    with _batch_statistics(encoder) if recipe.bn_mode == "train" else nullcontext():
        for rows in _batches(len(images), recipe.batch_size):
            batch = torch.from_numpy(images[rows]).to(device)
            output = encoder(batch).float()
            if recipe.mirrored:
                output = (output + encoder(batch.flip(2)).float()) / 2
            parts.append(output.cpu().numpy())
            progress.advance(len(parts[-1]))
    embeddings: NDArray[np.float32] = np.concatenate(parts)
    if not np.isfinite(embeddings).all():
        raise ColdstartError("the encoder gives non-finite embeddings; its training has diverged")
    return embeddings


def _batches(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


@contextmanager
def _batch_statistics(network: nn.Module) -> Iterator[None]:
    """Let every BatchNorm normalise by its batch, and keep its running statistics as they are."""
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
        layer.train()
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()
