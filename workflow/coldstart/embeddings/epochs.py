"""An encoder in the course of its training: untrained, at its snapshots, and at the end."""

from collections.abc import Iterator

import torch
from torch import nn

from coldstart.config.recipes.encoders import Trained
from coldstart.data.read import read_ids, read_images
from coldstart.embeddings.model import read_model
from coldstart.running.job import Job
from coldstart.ssl.models import build_model
from coldstart.training.checkpoint import (
    load_tensors,
    read_tensors,
    snapshot_epochs,
    snapshot_name,
)
from coldstart.training.device import place
from coldstart.training.images import channel_statistics
from coldstart.training.model import Inputs


def encoders_by_epoch(
    job: Job, shape: tuple[int, ...], device: torch.device
) -> Iterator[tuple[int | None, nn.Module]]:
    """Yield the encoder of a job before its training, at each epoch that is kept, and at the end.

    The epoch is None for an encoder that was not trained in epochs. An encoder that starts from
    another one's weights has no epoch 0.

    Args:
        job: has the checkpoint, and the images whose statistics an untrained encoder is told.
        shape: of the images: height, width, channels.
        device: where to put each encoder.
    """
    checkpoint = job.inputs["checkpoint"]
    model, recipe = read_model(checkpoint, shape, device)
    if not isinstance(recipe, Trained):
        yield None, model.encoder
        return
    unlabeled = read_images(job.inputs["images"], read_ids(job.inputs["index"], "unlabeled"))
    height, width, channels = shape
    inputs = Inputs(height, width, channels, *channel_statistics(unlabeled))
    untrained = build_model(recipe, inputs, checkpoint.manifest["recipe"]["seed"])
    place(untrained, device).eval()
    if recipe.start is None:  # else the training begins with another encoder's weights
        yield 0, untrained.encoder
    for epoch in snapshot_epochs(recipe):
        path = checkpoint.path(snapshot_name(epoch))
        load_tensors(untrained.encoder, read_tensors(path), path)
        yield epoch, untrained.encoder
    yield recipe.epochs, model.encoder
