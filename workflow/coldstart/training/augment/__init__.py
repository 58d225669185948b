"""Random views of a batch of images, computed where the images lie, with one draw per image.

A transform comes as two functions: one draws the parameters of ``count`` images, the other applies
given parameters. Together they equal in distribution a torchvision transform (RandomResizedCrop,
RandomCrop with padding, RandomHorizontalFlip, ColorJitter, RandomGrayscale, GaussianBlur,
RandomSolarize) called on one image at a time; cutout, which torchvision lacks, is the paper's. Of
RandAugment each operation is torchvision's, and how they are drawn is the recipe's.

On an accelerator nothing waits for a value from the device: a transform is computed for all images
and kept for those that drew it. On a CPU, where a look at a value is free, it is computed for those
that drew it only.
"""

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations import (
    Augmentation,
    Blur,
    Crop,
    Cutout,
    Flip,
    Grey,
    Jitter,
    RandAugment,
    Shift,
    Solarize,
    Transform,
)
from coldstart.training.augment.colours import (
    HUE,
    draw_jitter,
    greyscale,
    jitter,
    jitter_operations,
    solarize,
)
from coldstart.training.augment.draws import uniform, where
from coldstart.training.augment.geometry import (
    crop_resize,
    cutout,
    draw_boxes,
    draw_places,
    gaussian_blur,
    shift,
)
from coldstart.training.augment.operations import draw_operations, rand_augment

__all__ = ["augment"]


@torch.no_grad()
def augment(
    images: Tensor,
    recipe: Augmentation,
    generator: torch.Generator,
    first: int = 0,
    batch: int | None = None,
) -> Tensor:
    """Draw one view of each image.

    Args:
        images: float32 [N, C, H, W] in [0, 1], C = 1 or 3, in any memory format.
        recipe: The transforms, in order, and whether images share a draw.
        generator: The only source of chance, on the images' device. The same state gives the same
            views.
        first: Where in a batch these images stand.
        batch: How many images the batch has, this one's included; these are the whole batch unless
            it is given. Draws are for the whole batch, so that a part's views are those that it
            has within the whole.

    Returns:
        Tensor: float32 [N, C, h, w] in [0, 1], of the images' size unless a crop has one of its
        own; ``channels_last`` if ``images`` was; new memory.

    Raises:
        ColdstartError: A blur's kernel is even, or too wide for the images.
    """
    draws = 1 if recipe.scope == "batch" else batch or len(images)
    views = images.clone(memory_format=torch.contiguous_format)
    # A trainer's autocast would resample in bfloat16, which is coarser than the pixels' own steps.
    with torch.autocast(images.device.type, enabled=False):
        for transform in recipe.transforms:
            views = _transform(views, transform, draws, generator, first)
    layout = torch.channels_last if images.stride(1) == 1 else torch.contiguous_format
    result = torch.empty(views.shape, dtype=views.dtype, device=views.device, memory_format=layout)
    return result.copy_(views)


def _transform(
    images: Tensor, transform: Transform, draws: int, generator: torch.Generator, first: int
) -> Tensor:
    """Draw parameters and apply them; may reuse memory.

    ``draws`` is one, which all images share, or that of a batch in which they stand from ``first``.
    """

    def each(parameter: Tensor) -> Tensor:
        own = parameter if draws == 1 else parameter[first : first + len(images)]
        return own.expand(len(images), *parameter.shape[1:])

    height, width = images.shape[-2:]
    if isinstance(transform, Crop):
        boxes = draw_boxes(draws, height, width, transform.scale, transform.ratio, generator)
        return crop_resize(images, each(boxes), transform.resized(height, width))
    if isinstance(transform, Shift):
        farthest = transform.pixels
        corners = draw_places(draws, 2 * farthest + 1, 2 * farthest + 1, generator) - farthest
        return shift(images, each(corners))
    if isinstance(transform, RandAugment):
        kinds, strengths = draw_operations(draws, transform.count, generator)
        return rand_augment(images, each(kinds), each(strengths), transform)
    chosen = each(uniform(draws, (0.0, 1.0), generator) < transform.probability)
    match transform:
        case Flip():
            return where(chosen, images, lambda part: part.flip(-1))
        case Grey():
            return where(chosen, images, greyscale)
        case Solarize(threshold=threshold):
            return where(chosen, images, lambda part: solarize(part, threshold))
        case Cutout(size=side, fill=fill):
            centres = each(draw_places(draws, height, width, generator))
            return where(chosen, images, lambda part, c: cutout(part, c, side, fill), centres)
        case Blur(kernel=kernel):
            sigma = each(uniform(draws, transform.sigma, generator))
            taps = kernel_width(kernel, height, width)
            return where(chosen, images, lambda part, s: gaussian_blur(part, s, taps), sigma)
        case Jitter():
            operations = jitter_operations(transform, images.shape[1])
            if not operations:
                return images
            factors, order = draw_jitter(draws, transform, operations, generator)
            hue = HUE in operations
            return where(
                chosen,
                images,
                lambda part, f, o: jitter(part, f, o, hue),
                each(factors),
                each(order),
            )


def kernel_width(kernel: int | float, height: int, width: int) -> int:
    """Pixels of a blur's kernel: as given, or the odd number below or at a share of the side."""
    if isinstance(kernel, int):
        return kernel
    return 2 * int(kernel * min(height, width) / 2) + 1
