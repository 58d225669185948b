"""Draws of all transforms: uniform numbers, and the images that a transform falls on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def uniform(count: int, between: Sequence[float], generator: torch.Generator) -> Tensor:
    """Draw float32 [count] between two numbers."""
    low, high = between
    return torch.rand(count, generator=generator, device=generator.device) * (high - low) + low


def column(values: Tensor) -> Tensor:
    """[N] as [N, 1, 1, 1], one value per image."""
    return values.view(-1, 1, 1, 1)


def take(index: Tensor, *tensors: Tensor) -> list[Tensor]:
    """Copy the rows at ``index``; several times faster on a CPU than ``tensor[index]``."""
    return [tensor.index_select(0, index) for tensor in tensors]


def values_are_free(tensor: Tensor) -> bool:
    """Return True if Python can look at a value without waiting for the device."""
    return tensor.is_cpu


def where(
    chosen: Tensor, images: Tensor, function: Callable[..., Tensor], *parameters: Tensor
) -> Tensor:
    """Replace the images chosen [N] by ``function`` of them; may overwrite ``images``."""
    if values_are_free(images):
        index = chosen.nonzero().squeeze(1)
        images[index] = function(*take(index, images, *parameters))
        return images
    return torch.where(column(chosen), function(images, *parameters), images)


def draw_places(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw rows and columns below ``height`` and ``width``, uniformly: int64 [count, 2]."""
    ends = (height, width)
    return torch.stack([uniform(count, (0.0, end), generator).floor() for end in ends], 1).long()


@dataclass(frozen=True)
class Draw:
    """The draw of a transform's parameters for a batch, of which some images are at hand.

    Attributes:
        count: parameters that are drawn: one that all images share, or one for each of the batch.
        first: place of the first image at hand in the batch.
        images: number of images at hand.
        generator: the only source of chance.
    """

    count: int
    first: int
    images: int
    generator: torch.Generator

    def own(self, parameter: Tensor) -> Tensor:
        """The parameters [images, ...] of the images at hand, out of all [count, ...]."""
        own = parameter if self.count == 1 else parameter[self.first : self.first + self.images]
        return own.expand(self.images, *parameter.shape[1:])

    def uniform(self, between: Sequence[float]) -> Tensor:
        """Draw a number between two for each image: float32 [images]."""
        return self.own(uniform(self.count, between, self.generator))

    def chosen(self, probability: float) -> Tensor:
        """Draw the images that a transform falls on: bool [images]."""
        return self.uniform((0.0, 1.0)) < probability
