"""Recipes of backbones: the networks that turn an image into an embedding.

Each knows the size of its embedding (``dim``), what a forward pass costs (``macs``,
``activations``), from which a job's memory and time are estimated before it is submitted, and which
images it takes (``smallest``, ``fixed``).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from coldstart.config.model import Count, Model

EXPANSION = 4
"""Channels that a bottleneck block puts out, over those of its 3x3 convolution."""


class Layer(NamedTuple):
    """A convolution or a linear layer, as one image passes it."""

    positions: int
    """Rows times columns that it puts out; one, of a linear layer."""
    inputs: int
    """Numbers that each output is a weighted sum of."""
    outputs: int
    """Channels that it puts out."""


class Network(Model, ABC):
    """A backbone: images to embeddings."""

    fixed: ClassVar[bool] = False
    """True if the weights are for images of one size, so that all views must have it."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Size of an embedding."""

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have."""
        return 1

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds of one image's forward pass: convolutions and linear layers."""
        layers = self._layers(height, width, channels)
        return sum(layer.positions * layer.inputs * layer.outputs for layer in layers)

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that these layers put out for one image."""
        layers = self._layers(height, width, channels)
        return sum(layer.positions * layer.outputs for layer in layers)

    @abstractmethod
    def _layers(self, height: int, width: int, channels: int) -> Iterator[Layer]:
        """The layers, first to last."""


class ResNet(Network):
    """A residual network (He et al. 2016)."""

    family: Literal["resnet"]
    stem: Literal["imagenet", "cifar", "cifar-pool", "half"]
    """``imagenet``: 7x7 stride 2 and max-pool; ``cifar``: 3x3 stride 1; ``cifar-pool``: the same
    and max-pool; ``half``: 3x3 stride 2."""
    block: Literal["basic", "bottleneck"] = "basic"
    """``basic``: two 3x3 convolutions, as in ResNet-18; ``bottleneck``: 1x1, 3x3 and 1x1, as in
    ResNet-50."""
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels that each stage puts out; the last is the embedding's size. Within a bottleneck, and
    in the stem before one, they are a quarter. Stages after the first halve the image."""
    blocks: Annotated[list[Count], Field(min_length=1)]
    """Blocks in each stage."""

    @model_validator(mode="after")
    def _consistent(self) -> "ResNet":
        if len(self.blocks) != len(self.widths):
            raise ValueError(
                f"has {len(self.widths)} widths and {len(self.blocks)} blocks; "
                "a stage has one of each"
            )
        if self.block == "bottleneck" and any(width % EXPANSION for width in self.widths):
            raise ValueError(f"a bottleneck's widths are multiples of {EXPANSION}")
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.widths[-1]

    @property
    def expansion(self) -> int:
        """Channels that a block puts out, over those that it has inside."""
        return EXPANSION if self.block == "bottleneck" else 1

    def _layers(self, height: int, width: int, channels: int) -> Iterator[Layer]:
        if self.stem in ("imagenet", "half"):
            height, width = _halved(height), _halved(width)
        inputs = self.widths[0] // self.expansion
        yield Layer(height * width, channels * (49 if self.stem == "imagenet" else 9), inputs)
        if self.stem in ("imagenet", "cifar-pool"):
            height, width = _halved(height), _halved(width)
        for i, (out, blocks) in enumerate(zip(self.widths, self.blocks, strict=True)):
            before = height * width
            if i > 0:
                height, width = _halved(height), _halved(width)
            positions, inner = height * width, out // self.expansion
            if i > 0 or inputs != out:
                yield Layer(positions, inputs, out)
            for _ in range(blocks):
                if self.block == "bottleneck":
                    yield Layer(before, inputs, inner)
                    yield Layer(positions, inner * 9, inner)
                    yield Layer(positions, inner, out)
                else:
                    yield Layer(positions, inputs * 9, out)
                    yield Layer(positions, out * 9, out)
                inputs, before = out, positions


class Vgg(Network):
    """Plain 3x3 convolutions with BatchNorm, and max-pool between stages (Simonyan et al. 2015).

    Without the hidden layers before the classifier: the embedding is the last stage's mean, as is
    usual for CIFAR.
    """

    family: Literal["vgg"]
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels of each stage; the last is the embedding's size. Each stage ends by halving."""
    convolutions: Annotated[list[Count], Field(min_length=1)]
    """Convolutions in each stage."""

    @model_validator(mode="after")
    def _consistent(self) -> "Vgg":
        if len(self.convolutions) != len(self.widths):
            raise ValueError(
                f"has {len(self.widths)} widths and {len(self.convolutions)} convolutions; "
                "a stage has one of each"
            )
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.widths[-1]

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have: each stage halves and rounds down."""
        return 1 << len(self.widths)

    def _layers(self, height: int, width: int, channels: int) -> Iterator[Layer]:
        for out, convolutions in zip(self.widths, self.convolutions, strict=True):
            for _ in range(convolutions):
                yield Layer(height * width, channels * 9, out)
                channels = out
            height, width = height // 2, width // 2


class WideResNet(Network):
    """A wide residual network, WRN-depth-width (Zagoruyko and Komodakis 2016)."""

    family: Literal["wide-resnet"]
    depth: Annotated[int, Field(ge=10)]
    """Convolutions on the way, shortcuts aside: 6 n + 4 for n blocks in each of three stages."""
    width: Count
    """Factor of the stages' 16, 32 and 64 channels."""

    @model_validator(mode="after")
    def _three_stages(self) -> "WideResNet":
        if (self.depth - 4) % 6:
            raise ValueError(f"depth is {self.depth}, and must be 6 n + 4: 10, 16, 22, 28, ...")
        return self

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.widths[-1]

    @property
    def blocks(self) -> int:
        """Blocks in each stage."""
        return (self.depth - 4) // 6

    @property
    def widths(self) -> list[int]:
        """Channels of each stage."""
        return [channels * self.width for channels in (16, 32, 64)]

    def _layers(self, height: int, width: int, channels: int) -> Iterator[Layer]:
        inputs = 16
        yield Layer(height * width, channels * 9, inputs)
        for i, out in enumerate(self.widths):
            if i > 0:
                height, width = _halved(height), _halved(width)
            if i > 0 or inputs != out:
                yield Layer(height * width, inputs, out)
            for _ in range(self.blocks):
                yield Layer(height * width, inputs * 9, out)
                yield Layer(height * width, out * 9, out)
                inputs = out


class LeNet(Network):
    """LeNet-5 (LeCun et al. 1998) with ReLU and max-pool, and a latent layer for the classifier."""

    fixed: ClassVar[bool] = True

    family: Literal["lenet"]
    latent: Count
    """Size of the embedding."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.latent

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have: halved, less 4, and halved is one."""
        return 12

    def flat(self, height: int, width: int) -> int:
        """Numbers that reach the first linear layer."""
        return 16 * ((height // 2 - 4) // 2) * ((width // 2 - 4) // 2)

    def _layers(self, height: int, width: int, channels: int) -> Iterator[Layer]:
        yield Layer(height * width, channels * 25, 6)
        yield Layer((height // 2 - 4) * (width // 2 - 4), 6 * 25, 16)
        yield Layer(1, self.flat(height, width), 120)
        yield Layer(1, 120, 84)
        yield Layer(1, 84, self.latent)


class Convs(Network):
    """3x3 convolutions with stride 2, BatchNorm, leaky ReLU, and a latent layer: a VAE's half."""

    fixed: ClassVar[bool] = True

    family: Literal["convs"]
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels of each convolution."""
    latent: Count
    """Size of the embedding."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.latent

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Rows and columns of the image, and of what each convolution puts out."""
        found = [(height, width)]
        for _ in self.widths:
            height, width = _halved(height), _halved(width)
            found.append((height, width))
        return found

    def flat(self, height: int, width: int) -> int:
        """Numbers that reach the latent layer."""
        rows, columns = self.sizes(height, width)[-1]
        return rows * columns * self.widths[-1]

    def _layers(self, height: int, width: int, channels: int) -> Iterator[Layer]:
        sizes = self.sizes(height, width)[1:]
        for out, (rows, columns) in zip(self.widths, sizes, strict=True):
            yield Layer(rows * columns, channels * 9, out)
            channels = out
        yield Layer(1, self.flat(height, width), self.latent)


def _halved(size: int) -> int:
    return (size + 1) // 2


Backbone = Annotated[ResNet | Vgg | WideResNet | LeNet | Convs, Field(discriminator="family")]
