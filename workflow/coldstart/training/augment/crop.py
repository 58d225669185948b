"""Random resized crops (Szegedy et al. 2015), equal in distribution to torchvision's."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.training.augment.draws import Draw, uniform
from coldstart.training.augment.resampling import multiply

CROP_ATTEMPTS = 10
"""Number of boxes that are drawn for an image before the central one is taken."""


def apply(images: Tensor, transform: Crop, draw: Draw) -> Tensor:
    """Cut a random box out of each image, and resize it."""
    height, width = images.shape[-2:]
    boxes = draw_boxes(draw.count, height, width, transform.scale, transform.ratio, draw.generator)
    return crop_resize(images, draw.own(boxes), transform.resized(height, width))


def draw_boxes(
    count: int,
    height: int,
    width: int,
    scale: Sequence[float],
    ratio: Sequence[float],
    generator: torch.Generator,
) -> Tensor:
    """Draw the patches of random resized crops (Szegedy et al. 2015, section 6).

    The area is uniform in ``scale`` (shares of the image), width over height log-uniform in
    ``ratio``. The first of ten pairs that fits in the image is taken, and placed uniformly; where
    none fits, the largest central box whose aspect ratio lies within ``ratio``.

    Returns:
        Tensor: int64 [count, 4]: top, left, height, width in pixels.
    """

    def attempts(between: Sequence[float]) -> Tensor:
        return uniform(count * CROP_ATTEMPTS, between, generator).view(count, CROP_ATTEMPTS)

    area = attempts(scale) * (height * width)
    aspect = attempts([math.log(end) for end in ratio]).exp()
    widths, heights = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.int().argmax(1, keepdim=True)
    h, w = heights.gather(1, first).squeeze(1), widths.gather(1, first).squeeze(1)
    place = [uniform(count, (0.0, 1.0), generator) for _ in range(2)]
    top, left = (place[0] * (height - h + 1)).floor(), (place[1] * (width - w + 1)).floor()
    drawn = torch.stack((top, left, h, w), 1).long()
    fallback = _central_box(height, width, ratio)
    fitted = fits.any(1)
    return torch.stack(
        [torch.where(fitted, drawn[:, side], fallback[side]) for side in range(4)], 1
    )


def _central_box(height: int, width: int, ratio: Sequence[float]) -> tuple[int, int, int, int]:
    h, w = height, width
    if width / height < min(ratio):
        h = round(width / min(ratio))
    elif width / height > max(ratio):
        w = round(height * max(ratio))
    return (height - h) // 2, (width - w) // 2, h, w


def crop_resize(images: Tensor, boxes: Tensor, size: Sequence[int]) -> Tensor:
    """Cut a box out of each image and resize it, bilinear and antialiased.

    Args:
        images: [N, C, H, W].
        boxes: int64 [N, 4], from :func:`draw_boxes`.
        size: height and width of the result.

    Returns:
        Tensor: [N, C, *size], contiguous.
    """
    top, left, height, width = boxes.unbind(1)
    return multiply(
        images,
        _triangle_weights(top, height, images.shape[-2], size[0]),
        _triangle_weights(left, width, images.shape[-1], size[1]),
    )


def _triangle_weights(start: Tensor, length: Tensor, inputs: int, outputs: int) -> Tensor:
    """Return the weights [N, outputs, inputs] that resize ``length`` pixels from ``start``.

    The filter is a triangle. Its half-width is one pixel or, when shrinking, the number of input
    pixels per output pixel. Pixels outside the box have weight 0.
    """
    pixel = torch.arange(inputs, device=start.device) + 0.5 - start.view(-1, 1, 1)
    outside = (pixel < 0) | (pixel > length.view(-1, 1, 1))
    shrinking = (length / outputs).view(-1, 1, 1)
    centre = (torch.arange(outputs, device=start.device) + 0.5).view(-1, 1) * shrinking
    distance = (pixel.masked_fill_(outside, torch.inf) - centre).abs_()
    weights = distance.div_(shrinking.clamp(min=1)).neg_().add_(1).clamp_(min=0)
    return weights.div_(weights.sum(-1, keepdim=True))
