"""Crops, shifts, cutout and blur: transforms of where a pixel's value comes from."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from coldstart.errors import ColdstartError
from coldstart.training.augment.draws import uniform

CROP_ATTEMPTS = 10
"""Boxes that are drawn in search of one that fits, before a central one is taken."""


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
        size: height and width of what comes out.

    Returns:
        Tensor: [N, C, *size], contiguous.
    """
    top, left, height, width = boxes.unbind(1)
    return _resample(
        images,
        _triangle_weights(top, height, images.shape[-2], size[0]),
        _triangle_weights(left, width, images.shape[-1], size[1]),
    )


def _triangle_weights(start: Tensor, length: Tensor, inputs: int, outputs: int) -> Tensor:
    """Weights [N, outputs, inputs] that resize ``length`` pixels from ``start``.

    The filter is a triangle that reaches one pixel to either side, or as many as shrink to one;
    pixels outside the box have no weight, even where it reaches over them.
    """
    pixel = torch.arange(inputs, device=start.device) + 0.5 - start.view(-1, 1, 1)
    outside = (pixel < 0) | (pixel > length.view(-1, 1, 1))
    shrinking = (length / outputs).view(-1, 1, 1)
    centre = (torch.arange(outputs, device=start.device) + 0.5).view(-1, 1) * shrinking
    distance = (pixel.masked_fill_(outside, torch.inf) - centre).abs_()
    weights = distance.div_(shrinking.clamp(min=1)).neg_().add_(1).clamp_(min=0)
    return weights.div_(weights.sum(-1, keepdim=True))


def _resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Multiply each channel X of an image by its matrices: ``rows @ X @ columns.T``."""
    number, channels, height, width = images.shape
    # With the channels between rows and columns, both products take all channels in one matrix.
    lines = images.transpose(1, 2).reshape(number, height * channels, width)
    below, across = rows.shape[1], columns.shape[1]
    lines = torch.bmm(lines, columns.transpose(1, 2)).view(number, height, channels * across)
    lines = torch.bmm(rows, lines).view(number, below, channels, across)
    # Rounding can carry a mean of ones beyond one.
    return lines.transpose(1, 2).contiguous().clamp_(0, 1)


def draw_places(count: int, height: int, width: int, generator: torch.Generator) -> Tensor:
    """Draw rows and columns below ``height`` and ``width``, uniformly: int64 [count, 2]."""
    ends = (height, width)
    return torch.stack([uniform(count, (0.0, end), generator).floor() for end in ends], 1).long()


def shift(images: Tensor, corners: Tensor) -> Tensor:
    """Move each image by whole pixels; black moves in.

    Args:
        images: [N, C, H, W].
        corners: int64 [N, 2]: row and column, of either sign, of the pixel that comes to the upper
            left.

    Returns:
        Tensor: [N, C, H, W], contiguous.
    """
    rows, columns = (
        _moving_weights(start, size)
        for start, size in zip(corners.unbind(1), images.shape[-2:], strict=True)
    )
    return _resample(images, rows, columns)


def _moving_weights(start: Tensor, size: int) -> Tensor:
    """Weights [N, size, size] that put pixel ``start + i`` in the place of pixel i."""
    pixel = torch.arange(size, device=start.device)
    return (pixel - start.view(-1, 1, 1) == pixel.view(-1, 1)).float()


def cutout(images: Tensor, centres: Tensor, side: int, fill: float) -> Tensor:
    """Cover a square of each image.

    Args:
        images: [N, C, H, W].
        centres: int64 [N, 2]: row and column of a pixel in the middle.
        side: of the square, in pixels; where it reaches beyond the image, less is covered.
        fill: the value that it is covered with.

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
    """Mask, out of ``size`` pixels, the ``length`` ones from ``start`` on: bool [N, size]."""
    offset = torch.arange(size, device=start.device) - start.view(-1, 1)
    return (offset >= 0) & (offset < length)


def gaussian_blur(images: Tensor, sigma: Tensor, kernel: int) -> Tensor:
    """Blur each image by its own Gaussian, sampled at ``kernel`` pixels; edges are reflected.

    Args:
        images: [N, C, H, W].
        sigma: [N], standard deviations in pixels.
        kernel: Width of the kernel in pixels; odd, and less than twice the images' sides.

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
    return _resample(images, _blur_weights(taps, height), _blur_weights(taps, width))


def _blur_weights(taps: Tensor, size: int) -> Tensor:
    """Weights [N, size, size] of a convolution by ``taps`` [N, K] with reflected edges."""
    reach = taps.shape[1] // 2
    pixel = torch.arange(size, device=taps.device)
    source = pixel.view(-1, 1) + torch.arange(-reach, reach + 1, device=taps.device)
    source = (size - 1) - (size - 1 - source.abs()).abs()
    reads = (source.unsqueeze(-1) == pixel).to(taps.dtype)
    return torch.einsum("nk,okp->nop", taps, reads)


def resample(images: Tensor, sources: Tensor) -> Tensor:
    """Move the pixels of each image by its own affine map, bilinear; black moves in.

    Args:
        images: [N, C, H, W].
        sources: [N, 2, 3]: times (x, y, 1) of a pixel that comes out, x and y of where it comes
            from, both in pixels to the right of and below the image's centre.

    Returns:
        Tensor: [N, C, H, W].
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) + 0.5 - width / 2
    y = torch.arange(height, device=images.device) + 0.5 - height / 2
    across, down = torch.meshgrid(x, y, indexing="xy")
    grid = torch.stack([across, down, torch.ones_like(across)], 2).flatten(0, 1)
    right, below = (grid @ sources.transpose(1, 2)).unbind(2)
    places = torch.stack([right / (width / 2), below / (height / 2)], 2)
    places = places.view(-1, height, width, 2)
    return functional.grid_sample(images, places, "bilinear", "zeros", align_corners=False)
