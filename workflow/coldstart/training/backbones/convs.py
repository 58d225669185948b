"""Convolutions with stride 2 and a latent layer: the encoding half of an autoencoder."""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones.convs import Convs as Recipe
from coldstart.config.recipes.backbones.convs import Strided as Convolutions


class Strided(nn.Module):
    """Convolutions with stride 2, BatchNorm and an activation, and a linear latent layer.

    Attributes:
        activation: the class of the layer behind each BatchNorm.
    """

    activation: type[nn.ReLU | nn.LeakyReLU]

    def __init__(self, recipe: Convolutions, height: int, width: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for out in recipe.widths:
            layers.append(nn.Conv2d(channels, out, recipe.kernel, stride=2, padding=1, bias=False))
            layers += [nn.BatchNorm2d(out), self.activation(inplace=True)]
            channels = out
        self.convolutions = nn.Sequential(*layers)
        self.latent = nn.Linear(recipe.flat(height, width), recipe.latent)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to what the latent layer sees [N, ``recipe.flat``]."""
        return torch.flatten(self.convolutions(images), 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        embeddings: Tensor = self.latent(self.features(images))
        return embeddings


class Convs(Strided):
    """3x3 convolutions with leaky ReLU."""

    activation = nn.LeakyReLU


def build(recipe: Recipe, height: int, width: int, channels: int) -> Convs:
    """Build the network with torch's default weights, for images of this shape."""
    return Convs(recipe, height, width, channels)
