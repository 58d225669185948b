"""Residual networks (He et al. 2016), equal to torchvision's where it has them, names included."""

import torch
from torch import Tensor, nn

from coldstart.config.recipes.backbones.resnet import EXPANSION
from coldstart.config.recipes.backbones.resnet import ResNet as Recipe
from coldstart.training.backbones.shortcut import Shortcut


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    convolution = Shortcut(inputs, outputs, 1, stride=stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        shortcut = images if self.downsample is None else self.downsample(images)
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        activated: Tensor = self.relu(x)
        return activated


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 ones, beside a shortcut (He et al. 2016, figure 5)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        inner = outputs // EXPANSION
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        shortcut = images if self.downsample is None else self.downsample(images)
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        x += shortcut
        activated: Tensor = self.relu(x)
        return activated


class ResNet(nn.Module):
    """A residual network without its classifier.

    Maps images [N, C, H, W] to the spatial means of its last stage [N, ``dim``].
    """

    def __init__(self, recipe: Recipe, channels: int) -> None:
        super().__init__()
        width = recipe.widths[0] // recipe.expansion
        if recipe.stem == "imagenet":
            self.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        else:
            stride = 2 if recipe.stem == "half" else 1
            self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        pooled = recipe.stem in ("imagenet", "cifar-pool")
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if pooled else nn.Identity()
        kind = Bottleneck if recipe.block == "bottleneck" else BasicBlock
        stages = []
        for i, (out, blocks) in enumerate(zip(recipe.widths, recipe.blocks, strict=True)):
            first = kind(width, out, stride=1 if i == 0 else 2)
            rest = (kind(out, out, stride=1) for _ in range(1, blocks))
            self.add_module(f"layer{i + 1}", nn.Sequential(first, *rest))
            stages.append(f"layer{i + 1}")
            width = out
        self._stages = stages
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for name in self._stages:
            x = self.get_submodule(name)(x)
        return torch.flatten(self.avgpool(x), 1)


def build(recipe: Recipe, height: int, width: int, channels: int) -> ResNet:
    """Build the network with torch's default weights, for images of this shape."""
    return ResNet(recipe, channels)
