"""Draws of all transforms: uniform numbers, and the images that a transform falls on."""

from collections.abc import Callable, Sequence

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
