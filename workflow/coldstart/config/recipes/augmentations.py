"""Recipes of augmentations: how a view of an image is drawn."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from coldstart.config.model import Count, Model, NonNegative, Positive, Probability


def _ascending(ends: list[Any]) -> list[Any]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range goes from its lower to its upper end, but is {ends}")
    return ends


Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_ascending)]
"""Lower and upper end of a uniform draw; above nought."""


def _odd(width: int) -> int:
    if width % 2 == 0:
        raise ValueError(f"a kernel has a middle, so its width is odd, but is {width}")
    return width


Pixels = Annotated[int, Field(ge=1), AfterValidator(_odd)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Crop(Model):
    """A random patch, resized (bilinear, antialiased)."""

    op: Literal["crop"]
    scale: Range = [0.08, 1.0]
    """Share of the image's area that the patch covers."""
    ratio: Range = [3 / 4, 4 / 3]
    """Width over height of the patch; drawn log-uniformly."""
    size: Count | Share | None = None
    """Height and width of what comes out: pixels, or a share of the input's; if unset, those."""

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what comes out of images of this size."""
        match self.size:
            case None:
                return height, width
            case float(share):
                return max(1, round(share * height)), max(1, round(share * width))
            case pixels:
                return pixels, pixels


class Shift(Model):
    """A translation by whole pixels, each way as likely; what moves in is black."""

    op: Literal["shift"]
    pixels: Count
    """The farthest in each direction: ``4`` is the usual crop out of a CIFAR image padded by 4."""


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
    kernel: Pixels | Share = 3
    """Width of the kernel in pixels, odd; or, below one, as a share of the image's shorter side."""
    sigma: Range = [0.1, 2.0]


class Solarize(Model):
    """Every value at or above a threshold is inverted."""

    op: Literal["solarize"]
    probability: Probability
    threshold: Probability = 0.5


class Cutout(Model):
    """A square is covered (DeVries & Taylor 2017); its centre is any pixel of the image."""

    op: Literal["cutout"]
    probability: Probability = 1.0
    size: Count
    """Side of the square in pixels; the image's border cuts it."""
    fill: Probability = 0.5
    """Value of the covered pixels: mid-grey, close to the paper's mean of each channel."""


class RandAugment(Model):
    """Some of RandAugment's fourteen operations (Cubuk et al. 2020), one after the other.

    Each is drawn anew and as likely as any other, and how much it does is drawn uniformly, as in
    SCAN (Van Gansbeke et al. 2020), whose intervals are the defaults. They are: identity,
    autocontrast, equalisation, rotation, shear and translation along each axis, brightness,
    contrast, colour, sharpness, solarisation (at any threshold) and posterisation.
    """

    op: Literal["rand-augment"]
    count: Count
    """Number of operations that are drawn for each image."""
    rotation: NonNegative = 30.0
    """Degrees, to either side."""
    shear: NonNegative = 0.1
    """Pixels by which each row is moved against the one above, to either side."""
    translation: NonNegative = 0.1
    """Share of the image's side, to either side; in whole pixels."""
    factor: Range = [0.05, 0.95]
    """Factor of brightness, contrast, colour and sharpness: 1 leaves an image as it is."""
    bits: Annotated[
        list[Annotated[int, Field(ge=1, le=8)]],
        Field(min_length=2, max_length=2),
        AfterValidator(_ascending),
    ] = [4, 8]
    """Fewest and most bits of each value that posterisation leaves."""


Transform = Annotated[
    Crop | Shift | Flip | Jitter | Grey | Blur | Solarize | Cutout | RandAugment,
    Field(discriminator="op"),
]


class Augmentation(Model):
    """A random view of an image. The transforms are applied in the order of the list."""

    transforms: list[Transform]
    scope: Literal["image", "batch"] = "image"
    """``image``: each image has its own draw; ``batch``: all images of a batch share one."""
