"""Horizontal flips."""

from torch import Tensor

from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.training.augment.draws import Draw, where


def apply(images: Tensor, transform: Flip, draw: Draw) -> Tensor:
    """Flip some images."""
    return where(draw.chosen(transform.probability), images, lambda part: part.flip(-1))
