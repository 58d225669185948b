"""Views per second and core: batched augmentation against torchvision v2, one PIL image at a time.

Run as ``python tests/benchmarks/bench_augment.py``. Both sides start from uint8 images, end in
float32 tensors, and have one thread. Times are the thread's own, so that other work on the machine
counts little; the best of the rounds is taken, and the sides take turns.
"""

import importlib
import time
from collections.abc import Callable

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import torch

from coldstart.config.augmentations import Augmentation, Blur, Crop, Flip, Grey, Jitter
from coldstart.ssl.augment import augment
from coldstart.vision import torchvision

ROUNDS = 7
ONE_BY_ONE = 100
T = importlib.import_module("torchvision.transforms.v2")

COLOUR = Jitter(op="jitter", probability=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
BASIC = [
    Crop(op="crop", scale=[0.2, 1.0]),
    Flip(op="flip"),
    COLOUR,
    Grey(op="grey", probability=0.2),
]
THEIR_BASIC = [
    lambda side: T.RandomResizedCrop(side, (0.2, 1.0), antialias=True),
    lambda _: T.RandomHorizontalFlip(),
    lambda _: T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
    lambda _: T.RandomGrayscale(0.2),
]
BLUR = Blur(op="blur", probability=0.5)
CASES = [
    ("crop", BASIC[:1], THEIR_BASIC[:1]),
    ("jitter", BASIC[2:3], THEIR_BASIC[2:3]),
    ("crop, flip, jitter, grey", BASIC, THEIR_BASIC),
    (
        "the same and blur",
        [*BASIC, BLUR],
        [*THEIR_BASIC, lambda _: T.RandomApply([T.GaussianBlur(3)], 0.5)],
    ),
]


def seconds(function: Callable[[], object]) -> float:
    start = time.thread_time()
    function()
    return time.thread_time() - start


def main() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    print(
        f"{'transforms':26}{'side':>5}{'batch':>6}{'batched/s':>11}{'one by one/s':>14}{'ratio':>7}"
    )
    for side, batch in ((32, 256), (32, 512), (96, 128)):
        pixels = (torch.rand(batch, 3, side, side) * 255).to(torch.uint8)
        images = [
            torchvision.transforms.functional.to_pil_image(image) for image in pixels[:ONE_BY_ONE]
        ]
        for name, ours, theirs in CASES:
            recipe = Augmentation(transforms=ours)
            single = T.Compose(
                [
                    *(make(side) for make in theirs),
                    T.ToImage(),
                    T.ToDtype(torch.float32, scale=True),
                ]
            )

            def batched(recipe=recipe, pixels=pixels) -> object:
                floats = pixels.float().div_(255)
                return augment(floats.to(memory_format=torch.channels_last), recipe, generator)

            def one_by_one(single=single, images=images) -> object:
                return torch.stack([single(image) for image in images])

            times = [(seconds(batched), seconds(one_by_one)) for _ in range(ROUNDS)]
            fast, slow = (min(column) for column in zip(*times, strict=True))
            rates = batch / fast, len(images) / slow
            print(
                f"{name:26}{side:5}{batch:6}{rates[0]:11.0f}{rates[1]:14.0f}"
                f"{rates[0] / rates[1]:7.1f}"
            )


if __name__ == "__main__":
    main()
