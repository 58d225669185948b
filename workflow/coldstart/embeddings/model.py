"""A pretrained model, from the artefact that holds it."""

from collections.abc import Sequence

import torch

from coldstart.config.recipes.encoders import ENCODERS, Encoder
from coldstart.ssl.models import load_model
from coldstart.store import Artefact
from coldstart.training.model import EncoderModel


def read_model(
    checkpoint: Artefact, shape: Sequence[int], device: torch.device
) -> tuple[EncoderModel, Encoder]:
    """The model in evaluation mode on ``device``, and the recipe it was made by.

    Args:
        checkpoint: what pretraining made.
        shape: of the images: height, width, channels.
        device: where to put it.
    """
    recipe = ENCODERS.adapter().validate_python(checkpoint.manifest["recipe"]["encoder"])
    return load_model(checkpoint.folder, recipe, shape, device), recipe
