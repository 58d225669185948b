"""LeNet-5 (LeCun et al. 1998) as it is used today: ReLU and max-pool."""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones.lenet import LeNet as Recipe
from coldstart.training.backbones.pooling import MaxPool2x2


class LeNet(nn.Module):
    """Two 5x5 convolutions and three linear layers; the last is the embedding.

    For 28x28 images, the first convolution pads them to the paper's 32x32.
    """

    def __init__(self, recipe: Recipe, height: int, width: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = MaxPool2x2()
        self.relu = nn.ReLU(inplace=True)
        self.fc1 = nn.Linear(recipe.flat(height, width), 120)
        self.fc2 = nn.Linear(120, 84)
        self.latent = nn.Linear(84, recipe.latent)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        x = self.pool(self.relu(self.conv1(images)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.relu(self.fc2(self.relu(self.fc1(torch.flatten(x, 1)))))
        embeddings: Tensor = self.latent(x)
        return embeddings


def build(recipe: Recipe, height: int, width: int, channels: int) -> LeNet:
    """Build the network with torch's default weights, for images of this shape."""
    return LeNet(recipe, height, width, channels)
