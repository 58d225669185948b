"""DCGAN's convolutions with a latent layer: the encoding half of VAAL's autoencoder."""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones.dcgan import Dcgan as Recipe


class Dcgan(nn.Module):
    """4x4 convolutions with stride 2, BatchNorm and ReLU, and a linear latent layer."""

    def __init__(self, recipe: Recipe, height: int, width: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for out in recipe.widths:
            layers.append(nn.Conv2d(channels, out, 4, stride=2, padding=1, bias=False))
            layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
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


def build(recipe: Recipe, height: int, width: int, channels: int) -> Dcgan:
    """Build the network with torch's default weights, for images of this shape."""
    return Dcgan(recipe, height, width, channels)
