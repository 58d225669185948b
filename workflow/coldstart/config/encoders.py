"""Recipes of encoders: what turns an image into an embedding, and how it is trained."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from coldstart.config.model import Count, Model, NonNegative, Positive, Probability


def _ascending(ends: list[float]) -> list[float]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range goes from its lower to its upper end, but is {ends}")
    return ends


Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_ascending)]
"""Lower and upper end of a uniform draw; above nought."""


def _odd(width: int) -> int:
    if width % 2 == 0:
        raise ValueError(f"a kernel has a middle, so its width is odd, but is {width}")
    return width


class Crop(Model):
    """A random patch, resized to the size of the input (bilinear, antialiased)."""

    op: Literal["crop"]
    scale: Range = [0.08, 1.0]
    """Share of the image's area that the patch covers."""
    ratio: Range = [3 / 4, 4 / 3]
    """Width over height of the patch; drawn log-uniformly."""


class Flip(Model):
    """A horizontal flip."""

    op: Literal["flip"]
    probability: Probability = 0.5


class Jitter(Model):
    """Brightness, contrast, saturation and hue, in a random order."""

    op: Literal["jitter"]
    probability: Probability
    brightness: NonNegative = 0.0
    contrast: NonNegative = 0.0
    saturation: NonNegative = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Grey(Model):
    """All colour removed; the number of channels stays."""

    op: Literal["grey"]
    probability: Probability


class Blur(Model):
    """A Gaussian blur."""

    op: Literal["blur"]
    probability: Probability
    kernel: Annotated[int, Field(ge=1), AfterValidator(_odd)] = 3
    """Width of the kernel in pixels; odd."""
    sigma: Range = [0.1, 2.0]


Transform = Annotated[Crop | Flip | Jitter | Grey | Blur, Field(discriminator="op")]


class Augmentation(Model):
    """How a view of an image is drawn. The transforms are applied in the order of the list."""

    transforms: list[Transform]
    scope: Literal["image", "batch"] = "image"
    """Whether each image has its own draw, or all of a batch share one."""


class Backbone(Model):
    """A residual network of basic blocks (He et al. 2016)."""

    stem: Literal["imagenet", "cifar", "half"]
    """``imagenet``: 7x7 stride 2 and max-pool; ``cifar``: 3x3 stride 1; ``half``: 3x3 stride 2."""
    widths: Annotated[list[Count], Field(min_length=1)]
    """Channels of each stage; the last is the embedding's size. Stages after the first halve."""
    blocks: Annotated[list[Count], Field(min_length=1)]
    """Basic blocks in each stage."""

    @model_validator(mode="after")
    def _as_many_blocks(self) -> "Backbone":
        if len(self.blocks) != len(self.widths):
            raise ValueError(
                f"has {len(self.widths)} widths and {len(self.blocks)} blocks; "
                "a stage has one of each"
            )
        return self

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds of one image's forward pass, convolutions only."""
        return sum(
            rows * columns * out * inputs * kernel**2
            for rows, columns, inputs, out, kernel in self._convolutions(height, width, channels)
        )

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that the convolutions of one image's forward pass put out."""
        convolutions = self._convolutions(height, width, channels)
        return sum(rows * columns * out for rows, columns, _, out, _ in convolutions)

    def _convolutions(
        self, height: int, width: int, channels: int
    ) -> Iterator[tuple[int, int, int, int, int]]:
        """Rows and columns put out, channels in, channels out, and width of each kernel."""
        if self.stem != "cifar":
            height, width = _halved(height), _halved(width)
        inputs = self.widths[0]
        yield height, width, channels, inputs, 7 if self.stem == "imagenet" else 3
        if self.stem == "imagenet":
            height, width = _halved(height), _halved(width)
        for i, (out, blocks) in enumerate(zip(self.widths, self.blocks, strict=True)):
            if i > 0:
                height, width = _halved(height), _halved(width)
            if i > 0 or inputs != out:
                yield height, width, inputs, out, 1
            for _ in range(blocks):
                yield height, width, inputs, out, 3
                yield height, width, out, out, 3
                inputs = out


def _halved(size: int) -> int:
    return (size + 1) // 2


class Head(Model):
    """Linear, BatchNorm, ReLU, Linear (Grill et al. 2020, section 3.3)."""

    hidden: Count
    out: Count


class Optimizer(Model):
    """The optimiser and its learning-rate schedule."""

    name: Literal["sgd", "adam", "adamw"]
    lr: Positive
    weight_decay: NonNegative = 0.0
    momentum: Probability = 0.9
    """Only ``sgd`` reads it."""
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs over which the learning rate rises linearly from nought."""


class Byol(Model):
    """Bootstrap your own latent (Grill et al. 2020)."""

    method: Literal["byol"]
    backbone: Backbone
    projector: Head
    predictor: Head
    target_decay: Probability
    """Share of the old target network that each step keeps (tau)."""
    augmentation: Augmentation
    optimizer: Optimizer
    epochs: Count
    batch_size: Annotated[int, Field(ge=2)]
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto`` takes bf16 where the hardware computes it natively, and fp32 elsewhere."""


class Pca(Model):
    """Principal components of the raw pixels: the baseline without learning."""

    method: Literal["pca"]
    components: Count
    """Fewer where the images or their pixels are fewer."""


Encoder = Annotated[Byol | Pca, Field(discriminator="method")]
