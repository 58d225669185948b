"""A network and a linear layer on it, trained end to end on labels."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.learners import Classifier as Recipe
from coldstart.training.backbones import Encoder
from coldstart.training.checkpoint import load_tensors, read_tensors
from coldstart.training.device import place
from coldstart.training.model import Inputs, Supervised


class Classifier(Supervised):
    """An encoder and its classes' logits; the loss is their cross-entropy.

    Args:
        recipe: which network.
        inputs: what is known of the images.
        classes: how many there are.
    """

    def __init__(self, recipe: Recipe, inputs: Inputs, classes: int) -> None:
        super().__init__()
        encoder = Encoder(recipe.backbone, inputs)
        layers = {"encoder": encoder, "logits": nn.Linear(encoder.dim, classes)}
        self.online = nn.Sequential(OrderedDict(layers))

    @property
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings: all but the last layer."""
        return self.online.get_submodule("encoder")

    def forward(self, images: Tensor) -> Tensor:
        """Map images, uint8 [N, H, W, C] or float [N, C, H, W], to logits [N, classes]."""
        logits: Tensor = self.online(images)
        return logits

    def supervised_loss(self, views: Sequence[Tensor], labels: Tensor, done: float) -> Tensor:
        """Return the mean cross-entropy of the one view."""
        return functional.cross_entropy(self(views[0]).float(), labels)


def build(recipe: Recipe, inputs: Inputs, classes: int, seed: int) -> Classifier:
    """Build an untrained classifier on the CPU, its weights drawn from the seed alone.

    Torch's global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Classifier(recipe, inputs, classes)


def load(
    path: Path, recipe: Recipe, shape: Sequence[int], classes: int, device: torch.device
) -> Classifier:
    """Load a trained classifier, in evaluation mode and channels last.

    Args:
        path: its tensors, a safetensors file.
        recipe: the one it was trained by.
        shape: height, width and channels of the images.
        classes: how many there are.
        device: where to put it.

    Raises:
        ColdstartError: names the file, and the tensor that does not fit the recipe.
    """
    height, width, channels = shape
    # The mean and deviation are among the tensors.
    inputs = Inputs(height, width, channels, torch.zeros(channels), torch.ones(channels))
    model = build(recipe, inputs, classes, seed=0)
    load_tensors(model, read_tensors(path), path)
    return place(model, device).eval()
