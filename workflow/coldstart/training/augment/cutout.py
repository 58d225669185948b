"""Cutout (DeVries & Taylor 2017): a covered square."""

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations.cutout import Cutout
from coldstart.training.augment.draws import Draw, draw_places, where


def apply(images: Tensor, transform: Cutout, draw: Draw) -> Tensor:
    """Cover a square at a random place of some images."""
    chosen = draw.chosen(transform.probability)
    height, width = images.shape[-2:]
    centres = draw.own(draw_places(draw.count, height, width, draw.generator))
    return where(
        chosen, images, lambda part, c: cutout(part, c, transform.size, transform.fill), centres
    )


def cutout(images: Tensor, centres: Tensor, side: int, fill: float) -> Tensor:
    """Cover a square of each image.

    Args:
        images: [N, C, H, W].
        centres: int64 [N, 2]: row and column of a pixel in the middle.
        side: of the square, in pixels; its part beyond the image is ignored.
        fill: the value of covered pixels.

    Returns:
        Tensor: [N, C, H, W].
    """
    first = centres - side // 2
    down, across = (
        _within(start, side, size)
        for start, size in zip(first.unbind(1), images.shape[-2:], strict=True)
    )
    return images.masked_fill((down.unsqueeze(2) & across.unsqueeze(1)).unsqueeze(1), fill)


def _within(start: Tensor, length: int, size: int) -> Tensor:
    """Return a mask of ``length`` pixels from ``start`` on: bool [N, size]."""
    offset = torch.arange(size, device=start.device) - start.view(-1, 1)
    return (offset >= 0) & (offset < length)
