"""Models of encoders: built from a recipe, or loaded from an artefact of ``pretrain``.

They are apart from the training, so that an edit of the trainer does not count where a model that
exists is only loaded.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from coldstart.config.recipes.encoders import ENCODERS, Encoder, Trained
from coldstart.ssl.method import SelfSupervised
from coldstart.training.checkpoint import load_tensors, read_tensors
from coldstart.training.device import place
from coldstart.training.model import EncoderModel, Inputs

MODEL = "model.safetensors"


def build_model(recipe: Trained, inputs: Inputs, seed: int) -> SelfSupervised:
    """Build an untrained model on the CPU, its weights drawn from the seed alone.

    Args:
        recipe: its method names the module that builds it.
        inputs: what is known of the images.
        seed: of the weights; torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: SelfSupervised = ENCODERS.load(recipe).build(recipe, inputs)
    return model


def load_model(
    folder: Path, recipe: Encoder, shape: Sequence[int], device: torch.device
) -> EncoderModel:
    """Load a pretrained model, in evaluation mode and channels last.

    Args:
        folder: where ``pretrain`` wrote.
        recipe: the one it was made from.
        shape: height, width and channels of the images.
        device: where to put it.

    Raises:
        ColdstartError: names the file, and the tensor that does not fit the recipe.
    """
    path = folder / MODEL
    tensors = read_tensors(path)
    height, width, channels = shape
    # The mean and deviation are among the tensors.
    inputs = Inputs(height, width, channels, torch.zeros(channels), torch.ones(channels))
    model: EncoderModel
    if isinstance(recipe, Trained):
        model = build_model(recipe, inputs, seed=0)
    else:
        model = ENCODERS.load(recipe).restore(tensors, recipe, inputs)
    load_tensors(model, tensors, path)
    return place(model, device).eval()
