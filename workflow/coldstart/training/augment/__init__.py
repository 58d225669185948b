"""Random views of a batch of images, computed where the images lie, with one draw per image.

Each transform is a module, named like its recipe's ``op``. Its ``apply(images, transform, draw)``
draws the parameters and applies them, and may overwrite the images. The result equals in
distribution a torchvision transform (RandomResizedCrop, RandomCrop with padding,
RandomHorizontalFlip, ColorJitter, RandomGrayscale, GaussianBlur, RandomSolarize) called on one
image at a time; cutout, which torchvision lacks, is the paper's. Of RandAugment each operation is
torchvision's, and how they are drawn is the recipe's.

On an accelerator nothing waits for a value from the device: a transform is computed for all images
and kept for those that drew it. On a CPU, where a look at a value is free, it is computed for those
that drew it only.
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
    count = 1 if recipe.scope == "batch" else batch or len(images)
    draw = Draw(count, first, len(images), generator)
    views = images.clone(memory_format=torch.contiguous_format)
    # A trainer's autocast would resample in bfloat16, which is coarser than the pixels' own steps.
    with torch.autocast(images.device.type, enabled=False):
        for transform in recipe.transforms:
            views = TRANSFORMS.load(transform).apply(views, transform, draw)
    layout = torch.channels_last if images.stride(1) == 1 else torch.contiguous_format
    result = torch.empty(views.shape, dtype=views.dtype, device=views.device, memory_format=layout)
    return result.copy_(views)
