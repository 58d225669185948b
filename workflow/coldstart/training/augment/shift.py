"""Translations by whole pixels, like torchvision's RandomCrop with padding."""

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations.shift import Shift
from coldstart.training.augment.draws import Draw, draw_places
from coldstart.training.augment.resampling import multiply


def apply(images: Tensor, transform: Shift, draw: Draw) -> Tensor:
    """Move each image by a random number of pixels in either direction."""
    sides = 2 * transform.pixels + 1
    corners = draw_places(draw.count, sides, sides, draw.generator) - transform.pixels
    return shift(images, draw.own(corners))


def shift(images: Tensor, corners: Tensor) -> Tensor:
    """Move each image by whole pixels; black moves in.

    Args:
        images: [N, C, H, W].
        corners: int64 [N, 2]: row and column, maybe negative, of the pixel that becomes the upper
            left one.

    Returns:
        Tensor: [N, C, H, W], contiguous.
    """
    rows, columns = (
        _moving_weights(start, size)
        for start, size in zip(corners.unbind(1), images.shape[-2:], strict=True)
    )
    return multiply(images, rows, columns)


def _moving_weights(start: Tensor, size: int) -> Tensor:
    """Return weights [N, size, size] that move pixel ``start + i`` to pixel i."""
    pixel = torch.arange(size, device=start.device)
    return (pixel - start.view(-1, 1, 1) == pixel.view(-1, 1)).float()
