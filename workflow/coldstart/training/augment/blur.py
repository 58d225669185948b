"""Gaussian blur, equal in distribution to torchvision's."""

import torch
from torch import Tensor

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.augmentations.blur import Blur
from coldstart.training.augment.draws import Draw, where
from coldstart.training.augment.resampling import multiply


def apply(images: Tensor, transform: Blur, draw: Draw) -> Tensor:
    """Blur some images, each by its own sigma."""
    chosen = draw.chosen(transform.probability)
    sigma = draw.uniform(transform.sigma)
    taps = kernel_width(transform.kernel, *images.shape[-2:])
    return where(chosen, images, lambda part, s: gaussian_blur(part, s, taps), sigma)


def kernel_width(kernel: int | float, height: int, width: int) -> int:
    """Return a kernel's width: as given, or the largest odd number up to a share of the side."""
    if isinstance(kernel, int):
        return kernel
    return 2 * int(kernel * min(height, width) / 2) + 1


def gaussian_blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Blur each image by its own Gaussian, sampled at ``kernel`` pixels; edges are reflected.

    Args:
        images: [N, C, H, W].
        sigma: [N], standard deviations in pixels.
        kernel: width of the kernel in pixels; odd, and less than twice the images' sides.

    Returns:
        Tensor: [N, C, H, W], contiguous.

    Raises:
        ColdstartError: ``kernel`` is even, or too wide for the images.
    """
    height, width = images.shape[-2:]
    reach = kernel // 2
    if kernel % 2 == 0 or reach >= min(height, width):
        raise ColdstartError(
            f"augmentation: a blur's kernel is {kernel} pixels wide, and the images are "
            f"{height} x {width}; set it to an odd number below {2 * min(height, width)}"
        )
    offset = torch.arange(-reach, reach + 1, device=images.device)
    taps = torch.softmax(-0.5 * (offset / sigma.view(-1, 1)).square(), 1)
    return multiply(images, _blur_weights(taps, height), _blur_weights(taps, width))


def _blur_weights(taps: Tensor, size: int) -> Tensor:
    """Return the weights [N, size, size] of a convolution by ``taps`` [N, K], edges reflected."""
    reach = taps.shape[1] // 2
    pixel = torch.arange(size, device=taps.device)
    source = pixel.view(-1, 1) + torch.arange(-reach, reach + 1, device=taps.device)
    source = (size - 1) - (size - 1 - source.abs()).abs()
    reads = (source.unsqueeze(-1) == pixel).to(taps.dtype)
    return torch.einsum("nk,okp->nop", taps, reads)
