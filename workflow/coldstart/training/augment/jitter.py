"""Colour jitter, equal in distribution to torchvision's."""

from collections.abc import Sequence

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations.jitter import Jitter
from coldstart.training.augment import draws
from coldstart.training.augment.colours import BRIGHTNESS, CONTRAST, HUE, SATURATION, blend_
from coldstart.training.augment.draws import Draw, take, uniform, where


def apply(images: Tensor, transform: Jitter, draw: Draw) -> Tensor:
    """Change the colours of some images, each in its own order."""
    chosen = draw.chosen(transform.probability)
    operations = jitter_operations(transform, images.shape[1])
    if not operations:
        return images
    factors, order = draw_jitter(draw.count, transform, operations, draw.generator)
    hue = HUE in operations
    return where(
        chosen,
        images,
        lambda part, f, o: jitter(part, f, o, hue),
        draw.own(factors),
        draw.own(order),
    )


def jitter_operations(transform: Jitter, channels: int) -> list[int]:
    """Return the operations that can change an image; grey images have no saturation or hue."""
    strengths = (transform.brightness, transform.contrast, transform.saturation, transform.hue)
    possible = (BRIGHTNESS, CONTRAST, SATURATION, HUE)[: 2 if channels == 1 else 4]
    return [operation for operation in possible if strengths[operation] > 0]


def draw_jitter(
    count: int, transform: Jitter, operations: Sequence[int], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw the factors of colour jitter and the order of its operations.

    Returns:
        tuple: Factors [count, 4]: of brightness, contrast and saturation, uniform within the
        transform's strength around 1 and at least 0; and the shift of the hue in turns, uniform
        within its strength around 0. Order, int64 [count, K]: the K ``operations``' codes, each
        permutation equally likely.
    """
    strengths = (transform.brightness, transform.contrast, transform.saturation)
    ranges = [(max(0.0, 1 - strength), 1 + strength) for strength in strengths]
    ranges.append((-transform.hue, transform.hue))
    factors = torch.stack([uniform(count, between, generator) for between in ranges], 1)
    keys = uniform(count * 4, (0.0, 1.0), generator).view(count, 4)
    for operation in set(range(4)) - set(operations):
        keys[:, operation] = 2.0  # larger than every drawn key: comes last, and is cut off
    return factors, keys.argsort(1)[:, : len(operations)]


def jitter(images: Tensor, factors: Tensor, order: Tensor, hue: bool) -> Tensor:
    """Apply colour operations to each image in its own order.

    Args:
        images: [N, C, H, W] in [0, 1].
        factors: [N, 4], see :func:`draw_jitter`.
        order: int64 [N, K], codes of the operations to apply, first to last.
        hue: True if every row of ``order`` contains ``HUE`` (otherwise none may).

    Returns:
        Tensor: [N, C, H, W] in [0, 1].
    """
    slots = order.shape[1]
    if not hue:
        images = images.clone()
        for slot in range(slots):
            blend_(images, order[:, slot], factors.gather(1, order[:, slot : slot + 1]))
        return images
    # Shifting hues is by far the most expensive operation, so it is done once, for all images:
    # before it, each image has the operations that precede it in its own order; after it, the rest.
    # An image without an operation in a slot is blended by a factor of 1, which changes no bit.
    place = (order == HUE).int().argmax(1)
    rank = place.argsort(stable=True)
    images, factors, order, place = take(rank, images, factors, order, place)
    # Sorted by that place, the images with something to do in a slot are a slice.
    ends = (
        place.bincount(minlength=slots).cumsum(0).tolist()
        if draws.values_are_free(images)
        else None
    )

    def blend(slot: int, due: Tensor, part: slice) -> None:
        operation = order[part, slot]
        factor = factors[part].gather(1, operation.unsqueeze(1))
        blend_(images[part], operation, factor.where(due[part].unsqueeze(1), 1.0))

    for slot in range(slots - 1):
        blend(slot, place > slot, slice(ends[slot] if ends else 0, None))
    images = adjust_hue(images, factors[:, HUE])
    for slot in range(1, slots):
        blend(slot, place < slot, slice(0, ends[slot - 1] if ends else None))
    return images.index_select(0, rank.argsort())


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
