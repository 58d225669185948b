"""VGG with BatchNorm (Simonyan & Zisserman 2015) for small images: no hidden linear layers."""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones.vgg import Vgg as Recipe
from coldstart.training.backbones.pooling import MaxPool2x2


class Vgg(nn.Module):
    """Stages of 3x3 convolutions with BatchNorm and ReLU, each ended by 2x2 max-pool.

    Maps images [N, C, H, W] to the spatial means of its last stage [N, ``dim``]. Parameters have
    torchvision's names.
    """

    def __init__(self, recipe: Recipe, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, convolutions in zip(recipe.widths, recipe.convolutions, strict=True):
            for _ in range(convolutions):
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                channels = width
            layers.append(MaxPool2x2())
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        return torch.flatten(self.avgpool(self.features(images)), 1)


def build(recipe: Recipe, height: int, width: int, channels: int) -> Vgg:
    """Build the network with torch's default weights, for images of this shape."""
    return Vgg(recipe, channels)
