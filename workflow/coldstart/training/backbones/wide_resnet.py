"""Wide residual networks: Zagoruyko & Komodakis 2016, https://arxiv.org/abs/1605.07146."""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones.wide_resnet import WideResNet as Recipe
from coldstart.training.backbones.shortcut import Shortcut


class PreactivationBlock(nn.Module):
    """Twice BatchNorm, ReLU and a 3x3 convolution, beside a shortcut (He et al. 2016b).

    Where the shortcut has weights, it starts after the first ReLU, as in the authors' code.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = Shortcut(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        active = self.relu(self.bn1(images))
        shortcut = images if self.shortcut is None else self.shortcut(active)
        x: Tensor = self.conv2(self.relu(self.bn2(self.conv1(active))))
        x += shortcut
        return x


class WideResNet(nn.Module):
    """Three stages of pre-activated blocks, without dropout and without the classifier.

    Maps images [N, C, H, W] to the spatial means of its last stage [N, ``dim``].
    """

    def __init__(self, recipe: Recipe, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        inputs, stages = 16, []
        for i, width in enumerate(recipe.widths):
            first = PreactivationBlock(inputs, width, stride=1 if i == 0 else 2)
            rest = (PreactivationBlock(width, width, stride=1) for _ in range(1, recipe.blocks))
            stages.append(nn.Sequential(first, *rest))
            inputs = width
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(inputs)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        x = self.relu(self.bn(self.stages(self.conv1(images))))
        return torch.flatten(self.avgpool(x), 1)


def build(recipe: Recipe, height: int, width: int, channels: int) -> WideResNet:
    """Build the network with torch's default weights, for images of this shape."""
    return WideResNet(recipe, channels)
