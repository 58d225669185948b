"""A pretrained model, from the artefact that holds it."""

import torch
from pydantic import TypeAdapter

from coldstart.config.encoders import Encoder
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.pca import PcaModel
from coldstart.ssl.pretrain import load_model
from coldstart.store import Artefact


def read_model(
    checkpoint: Artefact, channels: int, device: torch.device
) -> tuple[SelfSupervised | PcaModel, Encoder]:
    """The model in evaluation mode on ``device``, and the recipe it was trained by."""
    recipe = TypeAdapter(Encoder).validate_python(checkpoint.manifest["recipe"]["encoder"])
    return load_model(checkpoint.folder, recipe, channels, device), recipe
