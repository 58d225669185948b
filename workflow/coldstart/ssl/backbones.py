"""Residual networks, and the encoder around them: what turns images into embeddings."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.encoders import Backbone


class Shortcut(nn.Conv2d):
    """A 1x1 convolution with a stride, as one without a stride of every other pixel."""

    # oneDNN 3.x on a CPU writes outside its buffer in the backward pass of the strided one, in
    # channels last with fewer input channels than its block of 8 or 16
    # (https://github.com/uxlfoundation/oneDNN/issues/6035): wrong gradients, or a crash.
    def forward(self, images: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, D, ceil(H / stride), ceil(W / stride)]."""
        rows, columns = self.stride
        return functional.conv2d(images[:, :, ::rows, ::columns], self.weight)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, figure 2).

    Equal to torchvision's, names included (a test holds it to that). Not imported from there:
    torchvision's models bring ``torch._dynamo`` along, 4 seconds in every job.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            convolution = Shortcut(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        shortcut = images if self.downsample is None else self.downsample(images)
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        activated: Tensor = self.relu(x)
        return activated


class ResNet(nn.Module):
    """A residual network of basic blocks without its classifier (He et al. 2016).

    Maps images [N, C, H, W] to the spatial means of its last stage [N, ``dim``]. Parameters have
    torchvision's names, so that a ``resnet18`` checkpoint loads where the sizes are equal.
    """

    def __init__(self, recipe: Backbone, channels: int) -> None:
        super().__init__()
        width = recipe.widths[0]
        if recipe.stem == "imagenet":
            self.conv1 = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        else:
            stride = 2 if recipe.stem == "half" else 1
            self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        pooled = recipe.stem == "imagenet"
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if pooled else nn.Identity()
        stages = []
        for i, (out, blocks) in enumerate(zip(recipe.widths, recipe.blocks, strict=True)):
            stage = _stage(width, out, blocks, stride=1 if i == 0 else 2)
            self.add_module(f"layer{i + 1}", stage)
            stages.append(f"layer{i + 1}")
            width = out
        self._stages = stages
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dim = width
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        for name in self._stages:
            x = self.get_submodule(name)(x)
        return torch.flatten(self.avgpool(x), 1)


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    rest = (BasicBlock(outputs, outputs, stride=1) for _ in range(1, blocks))
    return nn.Sequential(BasicBlock(inputs, outputs, stride), *rest)


def build_backbone(recipe: Backbone, channels: int) -> ResNet:
    """Build a residual network with fresh weights: images [N, C, H, W] -> [N, widths[-1]].

    Convolutions start from Kaiming's normal with fan-out (He et al. 2015), BatchNorm from one and
    nought, as torchvision's do.
    """
    return ResNet(recipe, channels)


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


class Encoder(nn.Module):
    """Normalisation and backbone: images to embeddings [N, ``dim``].

    Takes uint8 [N, H, W, C], as images are stored, or float [N, C, H, W] in [0, 1], as views come.
    """

    def __init__(self, recipe: Backbone, channels: int, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.backbone = build_backbone(recipe, channels)
        self.dim = self.backbone.dim

    def forward(self, images: Tensor) -> Tensor:
        """Map either kind of images to float embeddings [N, ``dim``]."""
        if images.dtype == torch.uint8:
            images = unit_images(images)
        embeddings: Tensor = self.backbone(self.normalize(images))
        return embeddings
