"""Passes of images through a self-supervised model, in drawn or in named views."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import Progress
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.scores import Score
from coldstart.ssl.method import Bank, Contrastive, SelfSupervised
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images

AS_IT_IS = Augmentation(transforms=[])

BANK_BATCH = 512

Each = Callable[[Sequence[Tensor], Tensor], Tensor]
"""A number of each image [N], from its views, float [N, C, H, W], and its id, int64 [N]."""


def in_passes(
    model: SelfSupervised,
    each: Each,
    images: NDArray[np.uint8],
    ids: NDArray[np.int64],
    views: Sequence[Augmentation],
    recipe: Score,
    seed: int,
    device: torch.device,
) -> NDArray[np.float32]:
    """Return a number of each image in each pass: float32 [passes, n].

    The model stays in evaluation mode, and the negatives of a contrastive one are a fixed bank, so
    that an image's number does not depend on its neighbours in the batch. If the recipe names
    views, all passes of its first view come first, and so on.

    Args:
        model: in evaluation mode, on ``device``.
        each: makes the number, such as a loss.
        images: uint8 [n, H, W, C].
        ids: of the images, int64 [n].
        views: how the model's views were drawn in training.
        recipe: which score, over how many passes, and of which views.
        seed: of the views and of the bank.
        device: where to compute.

    Raises:
        ColdstartError: if a score is not finite.
    """
    generator = torch.Generator(device).manual_seed(seed)
    if isinstance(model, Contrastive):
        model.bank = _bank(model, images, ids, recipe.negatives, seed, device)
    rounds = [[AS_IT_IS, view] for view in recipe.views] or [list(views)]
    progress = Progress(recipe.score, recipe.rounds * len(images))
    values = np.empty((recipe.rounds, len(images)), dtype=np.float32)
    for number in range(recipe.rounds):
        drawn = rounds[number // recipe.passes]
        for rows, batch in _batches(images, recipe.batch_size, device):
            seen = [augment(batch, view, generator) for view in drawn]
            named = torch.from_numpy(ids[rows]).to(device)
            values[number, rows] = each(seen, named).cpu().numpy()
            progress.advance(len(batch))
    if not np.isfinite(values).all():
        raise ColdstartError(f"{recipe.score}: the model gives non-finite scores; it has diverged")
    return values


@torch.no_grad()
def _bank(
    model: Contrastive,
    images: NDArray[np.uint8],
    ids: NDArray[np.int64],
    count: int,
    seed: int,
    device: torch.device,
) -> Bank:
    """Return the keys of ``count`` images drawn at random (all if there are fewer), unaugmented."""
    drawn = np.random.default_rng(seed).permutation(len(images))[: max(count, 1)]
    keys = [model.keys(batch) for _, batch in _batches(images[drawn], BANK_BATCH, device)]
    return Bank(torch.cat(keys)[:count], torch.from_numpy(ids[drawn[:count]]).to(device))


def _batches(
    images: NDArray[np.uint8], size: int, device: torch.device
) -> Iterator[tuple[slice, Tensor]]:
    """Rows, and their images float [n, C, H, W] in [0, 1]."""
    for start in range(0, len(images), size):
        rows = slice(start, start + size)
        yield rows, unit_images(torch.from_numpy(images[rows]).to(device))


def losses(model: SelfSupervised) -> Each:
    """Return what gives each image its loss, without gradients."""

    def of_views(views: Sequence[Tensor], ids: Tensor) -> Tensor:
        with torch.inference_mode():
            return model.losses(views, ids)

    return of_views
