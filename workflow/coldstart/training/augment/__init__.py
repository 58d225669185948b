"""Random views of a batch of images, computed where the images lie, with one draw per image.

Each transform is a module, named like its recipe's ``op``. Its ``apply(images, transform, draw)``
draws the parameters and applies them, and may overwrite the images. The result equals in
distribution a torchvision transform (RandomResizedCrop, RandomCrop with padding,
RandomHorizontalFlip, ColorJitter, RandomGrayscale, GaussianBlur, RandomSolarize) called on one
image at a time; cutout, which torchvision lacks, is the paper's. RandAugment has torchvision's
operations, and the recipe says how they are drawn.

On an accelerator the host never waits for a value: a transform is computed for all images, and the
result is kept for those that drew it. On a CPU, where values can be read at no cost, it is computed
only for the images that drew it.
"""

import torch
from torch import Tensor

from coldstart.config.recipes.augmentations import TRANSFORMS, Augmentation
from coldstart.training.augment.draws import Draw

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
        recipe: the transforms, in order; ``scope`` says if all images share a draw.
        generator: the only source of randomness, on the images' device. Equal states give equal
            views.
        first: position of the first of these images in the batch.
        batch: number of images in the batch; by default these are all of it. Draws are made for the
            whole batch, so that an image has the same view in a part of it.

    Returns:
        Tensor: float32 [N, C, h, w] in [0, 1], of the images' size unless a crop has one of its
        own; ``channels_last`` if ``images`` was; new memory.

    Raises:
        ColdstartError: a blur's kernel is even, or too wide for the images.
    """
    count = 1 if recipe.scope == "batch" else batch or len(images)
    draw = Draw(count, first, len(images), generator)
    views = images.clone(memory_format=torch.contiguous_format)
    # Under the trainer's autocast, resampling would be in bfloat16, coarser than 8-bit pixels.
    with torch.autocast(images.device.type, enabled=False):
        for transform in recipe.transforms:
            views = TRANSFORMS.load(transform).apply(views, transform, draw)
    layout = torch.channels_last if images.stride(1) == 1 else torch.contiguous_format
    result = torch.empty(views.shape, dtype=views.dtype, device=views.device, memory_format=layout)
    return result.copy_(views)
