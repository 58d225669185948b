"""Random draws that all transforms use: uniform numbers, and choices of images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def uniform(count: int, between: Sequence[float], generator: torch.Generator) -> Tensor:
    """Draw numbers between two others, uniformly: float32 [count]."""
    low, high = between
    return torch.rand(count, generator=generator, device=generator.device) * (high - low) + low


def column(values: Tensor) -> Tensor:
    """Reshape [N] to [N, 1, 1, 1]: one value per image."""
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
    """Apply ``function`` to the images that the mask ``chosen`` [N] names; may overwrite them."""
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
    """Draws a transform's parameters for a whole batch, and gives those of the images at hand.

    Attributes:
        count: number of draws: 1 if all images share one, else the size of the batch.
        first: position of the first image at hand in the batch.
        images: number of images at hand.
        generator: the only source of randomness.
    """

    count: int
    first: int
    images: int
    generator: torch.Generator

    def own(self, parameter: Tensor) -> Tensor:
        """Return the parameters [images, ...] of the images at hand, out of all [count, ...]."""
        own = parameter if self.count == 1 else parameter[self.first : self.first + self.images]
        return own.expand(self.images, *parameter.shape[1:])

    def uniform(self, between: Sequence[float]) -> Tensor:
        """Draw a number between two others for each image: float32 [images]."""
        return self.own(uniform(self.count, between, self.generator))

    def chosen(self, probability: float) -> Tensor:
        """Draw the images that are transformed: bool [images]."""
        return self.uniform((0.0, 1.0)) < probability
