"""Grey values, and blends of images with black, their mean grey or their grey image."""

from torch import Tensor

from coldstart.training.augment.draws import column

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
"""Codes of the operations of colour jitter."""

LUMA = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, with torchvision's rounding)."""


def blend_(images: Tensor, operation: Tensor, factor: Tensor) -> None:
    """Set X to clamp(f X + (1 - f) Y, 0, 1), in place, by each image's operation [N].

    Y is black for brightness, the mean of the grey image for contrast, and the grey image for
    saturation.
    """
    grey = luma(images)
    rest = 1 - factor.view(-1)
    mean = grey.mean((1, 2, 3)) * (rest * (operation == CONTRAST))
    grey.mul_(column(rest * (operation == SATURATION))).add_(column(mean))
    images.mul_(column(factor)).add_(grey).clamp_(0, 1)


def luma(images: Tensor) -> Tensor:
    """Return the luma [N, 1, H, W] of images of one or three channels."""
    if images.shape[1] == 1:
        return images.clone()
    red, green, blue = images.unbind(1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2]).unsqueeze(1)
