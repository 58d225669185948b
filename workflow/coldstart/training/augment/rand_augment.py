"""RandAugment: operations drawn for each image, one after the other (Cubuk et al. 2020).

Operations that are defined on 8-bit levels round the values to 256 levels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from coldstart.config.recipes.augmentations.rand_augment import RandAugment
from coldstart.training.augment.colours import SATURATION, blend_
from coldstart.training.augment.draws import Draw, column, uniform, where
from coldstart.training.augment.solarize import solarize

# The first codes are those of brightness, contrast and saturation in ``colours``.
(
    SHARPNESS,
    ROTATION,
    SHEAR_X,
    SHEAR_Y,
    TRANSLATION_X,
    TRANSLATION_Y,
    SOLARIZE,
    POSTERIZE,
    AUTOCONTRAST,
    EQUALIZE,
    IDENTITY,
) = range(SATURATION + 1, 14)
KINDS = 14

LEVELS = 256


def apply(images: Tensor, transform: RandAugment, draw: Draw) -> Tensor:
    """Draw operations for each image, and apply them."""
    kinds, strengths = draw_operations(draw.count, transform.count, draw.generator)
    return rand_augment(images, draw.own(kinds), draw.own(strengths), transform)


def draw_operations(count: int, slots: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw operations and their strengths.

    Returns:
        tuple: Codes, int64 [count, slots], each as likely; and strengths, float32 [count, slots],
        uniform in [0, 1): the position within the operation's interval.
    """
    kinds = uniform(count * slots, (0.0, KINDS), generator).long()
    strengths = uniform(count * slots, (0.0, 1.0), generator)
    return kinds.view(count, slots), strengths.view(count, slots)


def rand_augment(images: Tensor, kinds: Tensor, strengths: Tensor, recipe: RandAugment) -> Tensor:
    """Apply to each image its operations, first to last; may overwrite ``images``.

    Args:
        images: [N, C, H, W] in [0, 1], contiguous.
        kinds: codes of the operations, int64 [N, K].
        strengths: [N, K], see :func:`draw_operations`.
        recipe: the intervals.

    Returns:
        Tensor: [N, C, H, W] in [0, 1].
    """
    for kind, strength in zip(kinds.unbind(1), strengths.unbind(1), strict=True):
        factor = _between(recipe.factor, strength)
        fewest, most = recipe.bits
        bits = _between((fewest, most + 1), strength).int().clamp(max=most)
        sources = sources_of(kind, strength, images.shape[-2:], recipe)
        moved = (kind >= ROTATION) & (kind <= TRANSLATION_Y)
        images = where(kind <= SATURATION, images, _blended, kind, factor)
        images = where(kind == SHARPNESS, images, sharpen, factor)
        images = where(moved, images, resample, sources)
        images = where(kind == SOLARIZE, images, solarize, column(strength))
        images = where(kind == POSTERIZE, images, posterize, bits)
        images = where(kind == AUTOCONTRAST, images, autocontrast)
        images = where(kind == EQUALIZE, images, equalize)
    return images.clamp_(0, 1)


def _between(ends: Sequence[float], strength: Tensor) -> Tensor:
    return ends[0] + strength * (ends[1] - ends[0])


def _blended(images: Tensor, kind: Tensor, factor: Tensor) -> Tensor:
    result = images.clone()
    blend_(result, kind, factor)
    return result


def sources_of(kind: Tensor, strength: Tensor, size: Sequence[int], recipe: RandAugment) -> Tensor:
    """Return the sources of the pixels of rotated, sheared and translated images.

    Rotation is about the centre. A shear leaves the upper row or left column where it is, and a
    translation is by whole pixels.

    Args:
        kind: codes of the operations, int64 [N]; those of other operations move nothing.
        strength: [N] in [0, 1]; half is no change.
        size: height and width.
        recipe: the intervals.

    Returns:
        Tensor: [N, 2, 3], see ``resample``.
    """
    height, width = size
    far = 2 * strength - 1

    def by(code: int, most: float) -> Tensor:
        return far * most * (kind == code)

    angle = by(ROTATION, recipe.rotation).deg2rad()
    cosine, sine = angle.cos(), angle.sin()
    slope_x, slope_y = by(SHEAR_X, recipe.shear), by(SHEAR_Y, recipe.shear)
    right = by(TRANSLATION_X, recipe.translation * width).round()
    below = by(TRANSLATION_Y, recipe.translation * height).round()
    rows = [
        torch.stack([cosine, slope_x - sine, slope_x * (height / 2) - right], 1),
        torch.stack([slope_y + sine, cosine, slope_y * (width / 2) - below], 1),
    ]
    return torch.stack(rows, 1)


def sharpen(images: Tensor, factor: Tensor) -> Tensor:
    """Set X to clamp(f X + (1 - f) Y, 0, 1), with Y the smoothed image; its edge is not smoothed.

    Args:
        images: [N, C, H, W] in [0, 1].
        factor: [N].
    """
    if min(images.shape[-2:]) < 3:
        return images
    smooth = images.clone()
    middle = images[..., 1:-1, 1:-1]
    # The kernel's nine ones, and four more in its centre, over 13.
    smooth[..., 1:-1, 1:-1] = (9 * functional.avg_pool2d(images, 3, 1) + 4 * middle) / 13
    return torch.lerp(smooth, images, column(factor)).clamp_(0, 1)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest ``bits`` [N], int32, of the eight bits of each value."""
    dropped = column(8 - bits)
    return (levels_of(images) >> dropped << dropped) / (LEVELS - 1)


def autocontrast(images: Tensor) -> Tensor:
    """Stretch the values of each channel to [0, 1]; a constant channel stays."""
    lowest, highest = (end((2, 3), keepdim=True) for end in (images.amin, images.amax))
    span = highest - lowest
    return torch.where(span > 0, (images - lowest) / span.where(span > 0, 1.0), images)


def equalize(images: Tensor) -> Tensor:
    """Flatten the histogram of each channel's levels, with PIL's rounding."""
    number, channels, height, width = images.shape
    levels = levels_of(images).view(number * channels, height * width)
    every = torch.arange(LEVELS, dtype=levels.dtype, device=levels.device)
    # Pixels below each level are counted without atomics, which sum in any order.
    below = torch.searchsorted(levels.sort(1).values, every.expand(len(levels), -1).contiguous())
    brightest = (levels == levels.amax(1, keepdim=True)).sum(1, keepdim=True)
    step = (height * width - brightest) // (LEVELS - 1)
    table = ((below + step // 2) // step.clamp(min=1)).clamp_(max=LEVELS - 1)
    flat = (table.gather(1, levels.long()) / (LEVELS - 1)).view_as(images)
    return torch.where((step > 0).view(number, channels, 1, 1), flat, images)


def levels_of(images: Tensor) -> Tensor:
    """Convert values in [0, 1] to levels from 0 to 255, int32."""
    return (images * (LEVELS - 1)).round().int()


def resample(images: Tensor, sources: Tensor) -> Tensor:
    """Move the pixels of each image by its own affine map, bilinear; black moves in.

    Args:
        images: [N, C, H, W].
        sources: [N, 2, 3]: maps (x, y, 1) of an output pixel to x and y of its source, both in
            pixels to the right of and below the image's centre.

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
