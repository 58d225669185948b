"""Embeddings of a pool's candidates and test images."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.scores import Embedding
from coldstart.data.read import SPLITS, read_ids, read_images
from coldstart.data.sources.own_file import find_own_file
from coldstart.embeddings.distances import unit_rows
from coldstart.embeddings.model import read_model
from coldstart.embeddings.tables import write_embeddings
from coldstart.running.job import Job
from coldstart.training.device import chosen_device


def make(job: Job) -> None:
    """``embeddings.parquet``: id, split, embedding: the features, or each cluster's probability."""
    read = {split: read_ids(job.inputs["index"], split) for split in SPLITS}
    # A pool that nothing is judged by has no test images.
    chosen = {split: ids for split, ids in read.items() if len(ids)}
    recipe = Embedding.model_validate(
        {name: job.recipe[name] for name in Embedding.model_fields if name in job.recipe}
    )
    embeddings = (_embedded if "checkpoint" in job.inputs else _given)(job, recipe, chosen)
    splits = [split for split, ids in chosen.items() for _ in ids]
    write_embeddings(
        job.out / "embeddings.parquet", np.concatenate(list(chosen.values())), splits, embeddings
    )


def _embedded(
    job: Job, recipe: Embedding, chosen: Mapping[str, NDArray[np.int64]]
) -> NDArray[np.float32]:
    """Embed the images of each split by a model, one split after the other."""
    device = chosen_device(job.settings)
    checkpoint, images = job.inputs["checkpoint"], job.inputs["images"]
    shape = read_images(images, next(iter(chosen.values()))[:1]).shape[1:]
    model, _ = read_model(checkpoint, shape, device)
    network = model.encoder if recipe.output == "features" else model.clusters
    if network is None:
        raise ColdstartError(f"the checkpoint {checkpoint.key} has no clusters")
    return np.concatenate(
        [embed(network, read_images(images, ids), recipe, device) for ids in chosen.values()]
    )


def _given(
    job: Job, recipe: Embedding, chosen: Mapping[str, NDArray[np.int64]]
) -> NDArray[np.float32]:
    """Look up the images of each split in a file of embeddings."""
    # Found by its name, so that its code counts for embeddings from files alone.
    module = ENCODERS.load(ENCODERS.adapter().validate_python(job.recipe["encoder"]))
    file = find_own_file(job.recipe["encoder"]["embeddings"], "The embeddings")
    items = pd.read_parquet(job.inputs["images"].path("items.parquet"))
    wanted = np.concatenate(list(chosen.values()))
    embeddings: NDArray[np.float32] = module.join(module.read_vectors(file), items, wanted, file)
    return unit_rows(embeddings) if recipe.unit else embeddings


@torch.inference_mode()
def embed(
    encoder: nn.Module, images: NDArray[np.uint8], recipe: Embedding, device: torch.device
) -> NDArray[np.float32]:
    """Return the encoder's output for each image, float32 [n, dim].

    Args:
        encoder: maps uint8 [n, height, width, channels] to float32 [n, dim].
        images: uint8 [n, height, width, channels].
        recipe: with ``bn_mode: train``, BatchNorm normalises by the statistics of each batch and
            leaves its running statistics as they are; with ``mirrored``, the output is the mean of
            those for the image and for its mirror image; with ``unit``, it is brought to length 1.
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
    if recipe.unit:
        embeddings = unit_rows(embeddings)
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
