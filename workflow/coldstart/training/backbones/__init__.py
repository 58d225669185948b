"""Backbones, and the encoder around them: what turns images into embeddings.

None is imported from torchvision: its models bring ``torch._dynamo`` along, 4 seconds in every job.
Where torchvision has the network, parameters have its names, so that checkpoints load, and outputs
are equal; tests hold them to that.
"""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones import BACKBONES, Network
from coldstart.training.model import Compilable, Inputs


def build_backbone(recipe: Network, height: int, width: int, channels: int) -> nn.Module:
    """Build a network with fresh weights: images [N, C, H, W] -> embeddings [N, ``recipe.dim``].

    The module of the recipe's family builds it. Convolutions start from Kaiming's normal with
    fan-out (He et al. 2015) and without a bias, BatchNorm from one and nought, as torchvision's do;
    linear layers as torch has them.

    Args:
        recipe: which network, and its sizes.
        height: of the images, in pixels; only networks with a latent layer depend on it.
        width: of the images, in pixels; likewise.
        channels: of the images, 1 or 3.
    """
    network: nn.Module = BACKBONES.load(recipe).build(recipe, height, width, channels)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def unit_images(images: Tensor) -> Tensor:
    """Turn uint8 [N, H, W, C] into float32 [N, C, H, W] in [0, 1], laid out channels last."""
    return images.permute(0, 3, 1, 2).float().div_(255)


class Normalize(nn.Module):
    """Subtract each channel's mean and divide by its standard deviation, both of [0, 1] pixels.

    Args:
        mean: float [C].
        std: float [C].
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float().reshape(1, -1, 1, 1))
        self.register_buffer("std", std.float().reshape(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, C, H, W] in [0, 1] to the same shape."""
        return (images - self.mean) / self.std


class Encoder(Compilable):
    """Normalisation and backbone: images to embeddings [N, ``dim``].

    Takes uint8 [N, H, W, C], as images are stored, or float [N, C, H, W] in [0, 1], as views come.
    """

    def __init__(self, recipe: Network, inputs: Inputs) -> None:
        super().__init__()
        self.normalize = Normalize(inputs.mean, inputs.std)
        self.backbone = build_backbone(recipe, inputs.height, inputs.width, inputs.channels)
        self.dim = recipe.dim

    def forward(self, images: Tensor) -> Tensor:
        """Map either kind of images to float embeddings [N, ``dim``]."""
        if images.dtype == torch.uint8:
            images = unit_images(images)
        embeddings: Tensor = self.backbone(self.normalize(images))
        return embeddings
