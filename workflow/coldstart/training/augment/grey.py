"""The removal of colour, equal to torchvision's."""

from torch import Tensor

from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.training.augment.colours import luma
from coldstart.training.augment.draws import Draw, where


def apply(images: Tensor, transform: Grey, draw: Draw) -> Tensor:
    """Remove the colour of some images."""
    return where(draw.chosen(transform.probability), images, greyscale)


def greyscale(images: Tensor) -> Tensor:
    """Give every channel of the images [N, C, H, W] the luma."""
    return luma(images).expand_as(images)
