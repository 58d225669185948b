"""EfficientNet-Lite (Tan & Le 2019, https://arxiv.org/abs/1905.11946): small and fast on a CPU.

Parameters have the names of the published PyTorch weights, an underscore before each, so that these
load as they are. There is no squeeze-and-excitation, and ReLU6 takes the place of swish.
"""

from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.backbones.efficientnet_lite import EfficientNetLite as Recipe

EPSILON, MOMENTUM = 1e-3, 0.01
"""Settings of BatchNorm, as published; torch's momentum is one less TensorFlow's."""


class SameConv2d(nn.Conv2d):
    """A convolution without a bias, padded as TensorFlow does.

    It maps [H, W] to ceil([H, W] / stride). Where the padding is odd, the last row and column have
    one more; torch's own padding cannot do that together with a stride.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, groups=groups, bias=False)
        self.side, self.step = kernel, stride

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        top, bottom = self._padding(images.shape[-2])
        left, right = self._padding(images.shape[-1])
        if (top, left) == (bottom, right):
            return functional.conv2d(
                images, self.weight, None, self.stride, (top, left), groups=self.groups
            )
        return super().forward(functional.pad(images, (left, right, top, bottom)))

    def _padding(self, length: int) -> tuple[int, int]:
        outputs = -(-length // self.step)
        missing = max((outputs - 1) * self.step + self.side - length, 0)
        return missing // 2, missing - missing // 2


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


class Block(nn.Module):
    """An inverted residual (Sandler et al. 2018): 1x1 to more channels, depthwise, 1x1 to fewer."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        if expansion > 1:
            self._expand_conv: nn.Module | None = SameConv2d(inputs, inner, 1, 1)
            self._bn0 = _batch_norm(inner)
        else:
            self._expand_conv = None
        self._depthwise_conv = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self._bn1 = _batch_norm(inner)
        self._project_conv = SameConv2d(inner, outputs, 1, 1)
        self._bn2 = _batch_norm(outputs)
        self._relu = nn.ReLU6(inplace=True)
        self._residual = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        x = images
        if self._expand_conv is not None:
            x = self._relu(self._bn0(self._expand_conv(x)))
        x = self._relu(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        if self._residual:
            x += images
        projected: Tensor = x
        return projected


class EfficientNetLite(nn.Module):
    """An EfficientNet-Lite without its classifier.

    Maps images [N, C, H, W] to the spatial means of its last feature maps [N, ``dim``].
    """

    def __init__(self, recipe: Recipe, channels: int) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(channels, recipe.stem, 3, 2)
        self._bn0 = _batch_norm(recipe.stem)
        blocks: list[Block] = []
        inputs = recipe.stem
        for out, count, kernel, stride, expansion in zip(
            recipe.widths,
            recipe.blocks,
            recipe.kernels,
            recipe.strides,
            recipe.expansions,
            strict=True,
        ):
            for block in range(count):
                blocks.append(Block(inputs, out, kernel, stride if block == 0 else 1, expansion))
                inputs = out
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = SameConv2d(inputs, recipe.head, 1, 1)
        self._bn1 = _batch_norm(recipe.head)
        self._relu = nn.ReLU6(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to [N, ``dim``]."""
        x = self._relu(self._bn0(self._conv_stem(images)))
        x = self._relu(self._bn1(self._conv_head(self._blocks(x))))
        embeddings: Tensor = x.mean((2, 3))
        return embeddings


def build(recipe: Recipe, height: int, width: int, channels: int) -> EfficientNetLite:
    """Build the network with torch's default weights, for images of this shape."""
    return EfficientNetLite(recipe, channels)
