"""The streams of a training: which images each step sees, and how their views are drawn.

No generator's state is ever saved: each epoch's order and each step's views are drawn from a
generator seeded by (seed, epoch) or (seed, step). A training that was killed and resumed therefore
sees what the uninterrupted one sees. Several processes make the same draws,
and each takes its rows.

One stream counts the epochs of a training. The others have epochs of their own: at the end of each,
a new order is drawn.
"""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.encoders import Training
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from coldstart.training.distributed import rank, world
from coldstart.training.images import Images, on_device
from coldstart.training.model import UNLABELLED
from coldstart.training.neighbours import draw

# Purposes of generators. With them, epoch 1 and step 1 have different seeds.
ORDER, VIEWS, NEIGHBOURS, LAYERS = range(4)


@dataclass(frozen=True, eq=False)
class Stream:
    """Images that a model is trained on, their views and their labels.

    Attributes:
        images: N of them.
        views: the augmentation of each view.
        batch_size: images of a batch at most, summed over all processes.
        labels: of the images, int64 [N]; None for a stream without labels.
        neighbours: of each image, int64 [N, K]; if given, the second view shows one of them.
    """

    images: Images
    views: Sequence[Augmentation]
    batch_size: int
    labels: Tensor | None = None
    neighbours: Tensor | None = None


def unlabelled(
    images: Images, recipe: Training, neighbours: Tensor | None = None
) -> dict[str, Stream]:
    """Return the one stream of a self-supervised training."""
    return {UNLABELLED: Stream(images, recipe.views, recipe.batch_size, neighbours=neighbours)}


def seed_of(seed: int, purpose: int, index: int, stream: int = 0) -> int:
    """Derive the seed of a generator from that of the training.

    Args:
        seed: of the training.
        purpose: ``ORDER``, ``VIEWS``, ``NEIGHBOURS`` or ``LAYERS``.
        index: of the epoch or the step.
        stream: number of the stream; 0 for the one that counts the epochs.
    """
    key = (seed, purpose, index, stream) if stream else (seed, purpose, index)
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def epoch_order(count: int, seed: int, epoch: int, stream: int = 0) -> Tensor:
    """Return the order of the images in an epoch: a permutation, int64 [count]."""
    generator = torch.Generator().manual_seed(seed_of(seed, ORDER, epoch, stream))
    return torch.randperm(count, generator=generator)


class Feed:
    """Batches of one stream; each depends only on the seed and on its number.

    Args:
        stream: the images.
        number: of the stream; 0 for the one that counts the epochs.
        batch: images of a batch, summed over all processes.
        per_epoch: batches in an epoch of this stream.
        seed: of the training.
        device: gets the images.
        on_gpu: the share of a GPU's memory that the images may take; more are streamed.
    """

    def __init__(
        self,
        stream: Stream,
        number: int,
        batch: int,
        per_epoch: int,
        seed: int,
        device: torch.device,
        on_gpu: float,
    ) -> None:
        self.number, self.batch, self.per_epoch, self.seed = number, batch, per_epoch, seed
        self.recipes, self.neighbours = stream.views, stream.neighbours
        self.count = len(stream.images)
        self.images = on_device(stream.images, device, on_gpu)
        self.labels = None if stream.labels is None else stream.labels.to(device)
        self.generator = torch.Generator(device)

    @classmethod
    def beside(
        cls, stream: Stream, number: int, seed: int, device: torch.device, on_gpu: float
    ) -> "Feed":
        """Feed a stream that does not count the epochs, in batches of its own size."""
        batch = min(stream.batch_size, len(stream.images))
        batch -= batch % min(world(), batch)
        per_epoch = len(stream.images) // batch
        return cls(stream, number, batch, per_epoch, seed, device, on_gpu)

    @property
    def rows(self) -> slice:
        """This process's rows of a batch."""
        share = self.batch // world()
        return slice(rank() * share, (rank() + 1) * share)

    def batches(self, first: int, count: int) -> Generator[tuple[Tensor, Tensor | None]]:
        """Give this process's part of some batches, in their order.

        Args:
            first: number of the first batch, counted from the start of the training.
            count: how many.

        Yields:
            Images, uint8 [n, H, W, C], followed by their neighbours if the stream has any; and
            the images' labels, int64 [n], if the stream has any.
        """
        end = first + count
        while first < end:
            epoch, begin = divmod(first, self.per_epoch)
            number = min(self.per_epoch - begin, end - first)
            yield from self._of_epoch(epoch, begin, number)
            first += number

    def _of_epoch(
        self, epoch: int, begin: int, number: int
    ) -> Generator[tuple[Tensor, Tensor | None]]:
        order = epoch_order(self.count, self.seed, epoch, self.number)
        chosen = order[begin * self.batch : (begin + number) * self.batch]
        own = chosen.view(number, self.batch)[:, self.rows]
        seen = own
        if self.neighbours is not None:
            drawn = draw(self.neighbours, seed_of(self.seed, NEIGHBOURS, epoch, self.number))
            seen = torch.cat([own, drawn[own]], dim=1)
        with closing(self.images.batches(seen.reshape(-1), seen.shape[1])) as batches:
            for places, images in zip(own, batches, strict=True):
                yield images, None if self.labels is None else self.labels[places]

    def start_step(self, step: int) -> None:
        """Seed the views of this step, counted from the start of the training."""
        self.generator.manual_seed(seed_of(self.seed, VIEWS, step, self.number))

    def views(self, batch: Tensor) -> list[Tensor]:
        """Draw the views of a batch that ``batches`` gave: each float [n, C, H, W] in [0, 1]."""
        images = unit_images(batch)
        of = (
            [images] * len(self.recipes)
            if self.neighbours is None
            else images.chunk(len(self.recipes))
        )
        return [
            augment(part, recipe, self.generator, self.rows.start, self.batch).contiguous(
                memory_format=torch.channels_last
            )
            for part, recipe in zip(of, self.recipes, strict=True)
        ]
