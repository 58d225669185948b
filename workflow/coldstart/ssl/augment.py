"""Random views of a batch of images, computed where the images lie, with one draw per image.

A transform comes as two functions: one draws the parameters of ``count`` images, the other applies
given parameters. Together they equal in distribution a torchvision transform (RandomResizedCrop,
RandomHorizontalFlip, ColorJitter, RandomGrayscale, GaussianBlur) called on one image at a time.

On an accelerator nothing waits for a value from the device: a transform is computed for all images
and kept for those that drew it. On a CPU, where a look at a value is free, it is computed for those
that drew it only.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from coldstart.config.encoders import Augmentation, Blur, Crop, Flip, Grey, Jitter, Transform
from coldstart.errors import ColdstartError

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
"""Codes of the operations of colour jitter."""

LUMA = (0.2989, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601, with torchvision's rounding)."""

CROP_ATTEMPTS = 10
"""Boxes that are drawn in search of one that fits, before a central one is taken."""


@torch.no_grad()
def augment(images: Tensor, recipe: Augmentation, generator: torch.Generator) -> Tensor:
    """Draw one view of each image.

    Args:
        images: float32 [N, C, H, W] in [0, 1], C = 1 or 3, in any memory format.
        recipe: The transforms, in order, and whether images share a draw.
        generator: The only source of chance, on the images' device. The same state gives the same
            views.

    Returns:
        Tensor: float32 [N, C, H, W] in [0, 1], ``channels_last`` if ``images`` was; new memory.

    Raises:
        ColdstartError: A blur's kernel is even, or too wide for the images.
    """
    draws = 1 if recipe.scope == "batch" else len(images)
    views = images.clone(memory_format=torch.contiguous_format)
    # A trainer's autocast would resample in bfloat16, which is coarser than the pixels' own steps.
    with torch.autocast(images.device.type, enabled=False):
        for transform in recipe.transforms:
            views = _transform(views, transform, draws, generator)
    return torch.empty_like(images).copy_(views)


def _transform(
    images: Tensor, transform: Transform, draws: int, generator: torch.Generator
) -> Tensor:
    """Draw ``draws`` (one or as many as the images) parameters and apply them; may reuse memory."""

    def each(parameter: Tensor) -> Tensor:
        return parameter.expand(len(images), *parameter.shape[1:])

    height, width = images.shape[-2:]
    if isinstance(transform, Crop):
        boxes = draw_boxes(draws, height, width, transform.scale, transform.ratio, generator)
        return crop_resize(images, each(boxes))
    chosen = each(_uniform(draws, (0.0, 1.0), generator) < transform.probability)
    match transform:
        case Flip():
            return _where(chosen, images, lambda part: part.flip(-1))
        case Grey():
            return _where(chosen, images, greyscale)
        case Blur(kernel=kernel):
            sigma = each(_uniform(draws, transform.sigma, generator))
            return _where(chosen, images, lambda part, s: gaussian_blur(part, s, kernel), sigma)
        case Jitter():
            operations = jitter_operations(transform, images.shape[1])
            if not operations:
                return images
            factors, order = draw_jitter(draws, transform, operations, generator)
            hue = HUE in operations
            return _where(
                chosen,
                images,
                lambda part, f, o: jitter(part, f, o, hue),
                each(factors),
                each(order),
            )


def _where(
    chosen: Tensor, images: Tensor, function: Callable[..., Tensor], *parameters: Tensor
) -> Tensor:
    """Replace the images chosen [N] by ``function`` of them; may overwrite ``images``."""
    if _values_are_free(images):
        index = chosen.nonzero().squeeze(1)
        images[index] = function(*_take(index, images, *parameters))
        return images
    return torch.where(_column(chosen), function(images, *parameters), images)


def _values_are_free(tensor: Tensor) -> bool:
    """Whether Python can look at a value without waiting for the device."""
    return tensor.is_cpu


def _take(index: Tensor, *tensors: Tensor) -> list[Tensor]:
    """Copy the rows at ``index``; several times faster on a CPU than ``tensor[index]``."""
    return [tensor.index_select(0, index) for tensor in tensors]


def _uniform(count: int, between: Sequence[float], generator: torch.Generator) -> Tensor:
    low, high = between
    return torch.rand(count, generator=generator, device=generator.device) * (high - low) + low


def _column(values: Tensor) -> Tensor:
    """[N] as [N, 1, 1, 1], one value per image."""
    return values.view(-1, 1, 1, 1)


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
        return _uniform(count * CROP_ATTEMPTS, between, generator).view(count, CROP_ATTEMPTS)

    area = attempts(scale) * (height * width)
    aspect = attempts([math.log(end) for end in ratio]).exp()
    widths, heights = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (widths > 0) & (widths <= width) & (heights > 0) & (heights <= height)
    first = fits.int().argmax(1, keepdim=True)
    h, w = heights.gather(1, first).squeeze(1), widths.gather(1, first).squeeze(1)
    place = [_uniform(count, (0.0, 1.0), generator) for _ in range(2)]
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


def crop_resize(images: Tensor, boxes: Tensor) -> Tensor:
    """Cut a box out of each image and enlarge it to the image's size, bilinear.

    Args:
        images: [N, C, H, W].
        boxes: int64 [N, 4], from :func:`draw_boxes`.

    Returns:
        Tensor: [N, C, H, W], contiguous.
    """
    top, left, height, width = boxes.unbind(1)
    return _resample(
        images,
        _triangle_weights(top, height, images.shape[-2]),
        _triangle_weights(left, width, images.shape[-1]),
    )


def _triangle_weights(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Weights [N, out, in] that resize ``length`` pixels from ``start`` to ``size`` pixels.

    The filter is a triangle that reaches one pixel to either side; pixels outside the box have no
    weight, even where it reaches over them. A box is at most as long as ``size``, so that nothing
    shrinks, and antialiasing, which widens the triangle where something does, changes nothing.
    """
    grid = torch.arange(size, device=start.device) + 0.5
    pixel = grid - start.view(-1, 1, 1)
    outside = (pixel < 0) | (pixel > length.view(-1, 1, 1))
    centre = grid.view(-1, 1) * (length / size).view(-1, 1, 1)
    distance = (pixel.masked_fill_(outside, torch.inf) - centre).abs_()
    weights = distance.neg_().add_(1).clamp_(min=0)
    return weights.div_(weights.sum(-1, keepdim=True))


def _resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Multiply each channel X of an image by its matrices: ``rows @ X @ columns.T``."""
    number, channels, height, width = images.shape
    # With the channels between rows and columns, both products take all channels in one matrix.
    lines = images.transpose(1, 2).reshape(number, height * channels, width)
    lines = torch.bmm(lines, columns.transpose(1, 2)).view(number, height, channels * width)
    lines = torch.bmm(rows, lines).view(number, height, channels, width)
    # Rounding can carry a mean of ones beyond one.
    return lines.transpose(1, 2).contiguous().clamp_(0, 1)


def jitter_operations(transform: Jitter, channels: int) -> list[int]:
    """Codes of the operations that can change an image; an image of one channel has no colour."""
    strengths = (transform.brightness, transform.contrast, transform.saturation, transform.hue)
    possible = (BRIGHTNESS, CONTRAST, SATURATION, HUE)[: 2 if channels == 1 else 4]
    return [operation for operation in possible if strengths[operation] > 0]


def draw_jitter(
    count: int, transform: Jitter, operations: Sequence[int], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw the factors of colour jitter and the order of its operations.

    Returns:
        tuple: Factors [count, 4]: of brightness, contrast and saturation, uniform within the
        transform's strength of one and not below nought, and the shift of the hue in turns, uniform
        within its strength of nought. Order, int64 [count, K]: the K ``operations``' codes, each
        permutation equally likely.
    """
    strengths = (transform.brightness, transform.contrast, transform.saturation)
    ranges = [(max(0.0, 1 - strength), 1 + strength) for strength in strengths]
    ranges.append((-transform.hue, transform.hue))
    factors = torch.stack([_uniform(count, between, generator) for between in ranges], 1)
    keys = _uniform(count * 4, (0.0, 1.0), generator).view(count, 4)
    for operation in set(range(4)) - set(operations):
        keys[:, operation] = 2.0  # beyond every key that was drawn: comes last, and is cut off
    return factors, keys.argsort(1)[:, : len(operations)]


def jitter(images: Tensor, factors: Tensor, order: Tensor, hue: bool) -> Tensor:
    """Apply colour operations to each image in its own order.

    Args:
        images: [N, C, H, W] in [0, 1].
        factors: [N, 4], see :func:`draw_jitter`.
        order: int64 [N, K], codes of the operations to apply, first to last.
        hue: Whether every row of ``order`` contains ``HUE`` (otherwise none may).

    Returns:
        Tensor: [N, C, H, W] in [0, 1].
    """
    slots = order.shape[1]
    if not hue:
        images = images.clone()
        for slot in range(slots):
            _blend_(images, order[:, slot], factors.gather(1, order[:, slot : slot + 1]))
        return images
    # Shifting hues is by far the dearest operation, so it is done once, for all images together:
    # before it, each image has the operations that precede it in its own order; after it, the rest.
    # An image that has nothing to do in a slot is blended by a factor of one, which changes no bit.
    place = (order == HUE).int().argmax(1)
    rank = place.argsort(stable=True)
    images, factors, order, place = _take(rank, images, factors, order, place)
    # Sorted by that place, the images with something to do in a slot are a slice.
    ends = place.bincount(minlength=slots).cumsum(0).tolist() if _values_are_free(images) else None

    def blend(slot: int, due: Tensor, part: slice) -> None:
        operation = order[part, slot]
        factor = factors[part].gather(1, operation.unsqueeze(1))
        _blend_(images[part], operation, factor.where(due[part].unsqueeze(1), 1.0))

    for slot in range(slots - 1):
        blend(slot, place > slot, slice(ends[slot] if ends else 0, None))
    images = adjust_hue(images, factors[:, HUE])
    for slot in range(1, slots):
        blend(slot, place < slot, slice(0, ends[slot - 1] if ends else None))
    return images.index_select(0, rank.argsort())


def _blend_(images: Tensor, operation: Tensor, factor: Tensor) -> None:
    """Set X to clamp(f X + (1 - f) Y, 0, 1), in place, by each image's operation [N].

    Y is black for brightness, the mean of the grey image for contrast, and the grey image for
    saturation.
    """
    grey = _grey(images)
    rest = 1 - factor.view(-1)
    mean = grey.mean((1, 2, 3)) * (rest * (operation == CONTRAST))
    grey.mul_(_column(rest * (operation == SATURATION))).add_(_column(mean))
    images.mul_(_column(factor)).add_(grey).clamp_(0, 1)


def _grey(images: Tensor) -> Tensor:
    """Luma [N, 1, H, W] of images of one or three channels."""
    if images.shape[1] == 1:
        return images.clone()
    red, green, blue = images.unbind(1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2]).unsqueeze(1)


def greyscale(images: Tensor) -> Tensor:
    """Give every channel of the images [N, C, H, W] the luma."""
    return _grey(images).expand_as(images)


def adjust_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn the hue in HSV space (Smith 1978), keeping value and saturation.

    Args:
        images: [N, 3, H, W] in [0, 1].
        shift: [N], in turns; within half a turn either way.

    Returns:
        Tensor: [N, 3, H, W] in [0, 1].
    """
    red, green, blue = images.unbind(1)
    least = torch.minimum(torch.minimum(red, green), blue)
    chroma = torch.maximum(torch.maximum(red, green), blue).sub_(least)
    # The hexagon's six cases without a branch. With a = (x - least) / chroma for each channel x,
    # the hue lies 1 + a_green + a_blue - a_red sixths of a turn from red, towards green if that
    # exceeds blue. A channel is at its highest within one sixth of its own hue, at its lowest
    # beyond two, and linear between: that is clamp(2 - distance, 0, 1).
    tiny = torch.finfo(images.dtype).tiny
    hue = chroma.add(green).add_(blue).sub_(red).sub_(least).div_(chroma.clamp(min=tiny))
    hue = hue.copysign_(green - blue).add_(6 * shift.view(-1, 1, 1))
    result = torch.empty_like(images)
    # In the range of ``hue``, -6 to 6, the distance from red is 3 - ||hue| - 3|, and those from
    # green (+2) and blue (-2) are ||hue + 1| - 3| and ||hue - 1| - 3| wherever they are below two.
    for channel, offset in enumerate((0, 1, -1)):
        level = hue.add(offset).abs_().sub_(3).abs_()
        level = level.sub_(1) if channel == 0 else level.neg_().add_(2)
        torch.addcmul(least, level.clamp_(0, 1), chroma, out=result[:, channel])
    return result


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
