"""DCGAN's convolutions with a latent layer: the encoding half of VAAL's autoencoder."""

from torch import nn

from coldstart.config.recipes.backbones.dcgan import Dcgan as Recipe
from coldstart.training.backbones.convs import Strided


class Dcgan(Strided):
    """4x4 convolutions with ReLU."""

    activation = nn.ReLU


def build(recipe: Recipe, height: int, width: int, channels: int) -> Dcgan:
    """Build the network with torch's default weights, for images of this shape."""
    return Dcgan(recipe, height, width, channels)
