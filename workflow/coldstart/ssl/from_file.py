"""An encoder whose weights are read from a file, and not trained.

Weights are read as tensors only: nothing in the file is ever executed.
"""

import logging
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.encoders.from_file import FromFile
from coldstart.running.settings import Settings
from coldstart.ssl.tensors import load_weights, read_weights
from coldstart.ssl.weights import find
from coldstart.training.backbones import Normalize, unit_images
from coldstart.training.model import EncoderModel, Inputs

log = logging.getLogger("coldstart")

AT_ONCE = 64
"""Images that pass the network together, which bounds its memory."""


class ResizedEncoder(nn.Module):
    """Resizing, normalisation and backbone: uint8 [N, H, W, C] to float32 [N, D].

    Its tensors have the names of ``coldstart.training.backbones.Encoder``, so that a training can
    go on from them.

    Args:
        recipe: size of the images, their mean and deviation.
        backbone: without its classifier: float [N, 3, size, size] to [N, D].
    """

    def __init__(self, recipe: FromFile, backbone: nn.Module) -> None:
        super().__init__()
        self.size, self.resampling = recipe.size, recipe.resampling
        self.normalize = Normalize(torch.tensor(recipe.mean), torch.tensor(recipe.std))
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 [N, H, W, C], C = 1 or 3, to float32 [N, D]."""
        parts = torch.split(images, AT_ONCE)
        return torch.cat([self._embed(part) for part in parts])

    def _embed(self, images: Tensor) -> Tensor:
        pixels = unit_images(images).expand(-1, 3, -1, -1)
        size = (self.size, self.size)
        if pixels.shape[-2:] != size:
            pixels = functional.interpolate(pixels, size, mode=self.resampling, antialias=True)
            pixels = pixels.clamp(0, 1)  # a bicubic filter overshoots
        embeddings: Tensor = self.backbone(self.normalize(pixels))
        return embeddings.flatten(1).float()


class FromFileModel(EncoderModel):
    """The network, in the place where a trained model has its encoder.

    Args:
        recipe: which network; its weights are drawn, and torch's global generator stays as it was.

    Raises:
        ColdstartError: there is no such network.
    """

    def __init__(self, recipe: FromFile) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            self.whole = ResizedEncoder(recipe, ENCODERS.load(recipe).build(recipe))

    @property
    def encoder(self) -> nn.Module:
        """Resizing, normalisation and backbone."""
        return self.whole


def restore(tensors: dict[str, Tensor], recipe: FromFile, inputs: Inputs) -> FromFileModel:
    """Build an empty model for a checkpoint.

    Args:
        tensors: not read.
        recipe: which network.
        inputs: not read.
    """
    return FromFileModel(recipe)


def read(recipe: FromFile, settings: Settings) -> tuple[FromFileModel, pd.DataFrame]:
    """Find the file that was planned with, and load it; see ``load_file``."""
    return load_file(recipe, find(recipe.weights, settings))


def load_file(recipe: FromFile, path: Path) -> tuple[FromFileModel, pd.DataFrame]:
    """Build the network and load its weights.

    Args:
        recipe: which network.
        path: the file of weights.

    Returns:
        The model, and a table of the file's tensors: ``tensor`` (its name) and ``used``.

    Raises:
        ColdstartError: the file does not fit, or the network cannot take images of that size.
    """
    model = FromFileModel(recipe)
    found = read_weights(path)
    used = load_weights(model.whole.backbone, found, recipe.prefix, recipe.called, path)
    dropped = sorted(found.keys() - used)
    if dropped:
        log.info("%s: not used: %s", path, ", ".join(dropped))
    _try_out(model.eval(), recipe)
    names = sorted(found)
    return model, pd.DataFrame({"tensor": names, "used": [name in used for name in names]})


@torch.inference_mode()
def _try_out(model: FromFileModel, recipe: FromFile) -> None:
    """See that an image passes: libraries' networks are of many kinds."""
    black = torch.zeros(1, recipe.size, recipe.size, 3, dtype=torch.uint8)
    try:
        model.encoder(black)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ColdstartError(
            f"{recipe.called} cannot take images of {recipe.size} x {recipe.size} ({error}); "
            "set `size` to what it was trained with"
        ) from None
