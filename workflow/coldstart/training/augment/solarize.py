"""Solarisation, equal to torchvision's."""

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations.solarize import Solarize
from coldstart.training.augment.draws import Draw, where


def apply(images: Tensor, transform: Solarize, draw: Draw) -> Tensor:
    """Invert the bright values of some images."""
    chosen = draw.chosen(transform.probability)
    return where(chosen, images, lambda part: solarize(part, transform.threshold))


def solarize(images: Tensor, threshold: float | Tensor) -> Tensor:
    """Invert every value at or above ``threshold`` of images in [0, 1]."""
    return torch.where(images >= threshold, 1 - images, images)
