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
    """Load the model in evaluation mode on ``device``; return it and its recipe.

    Args:
        checkpoint: artefact of the stage ``pretrain``.
        shape: of the images: height, width, channels.
        device: where to put it.
    """
    recipe = ENCODERS.adapter().validate_python(checkpoint.manifest["recipe"]["encoder"])
    return load_model(checkpoint.folder, recipe, shape, device), recipe
