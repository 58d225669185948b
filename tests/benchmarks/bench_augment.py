"""Views per second and core: batched augmentation against torchvision, kornia and albumentations.

Run as ``python tests/benchmarks/bench_augment.py``. All start from uint8 images, end in float32
tensors, draw anew for each image, and have one thread. Times are the thread's own, so that other
work on the machine counts little; the best of the rounds is taken, and the sides take turns. The
ratio is to the fastest of the others. kornia and albumentations (``pip install kornia
albumentationsx``) are no dependencies, and are left out where they are not installed.
"""

import importlib
import time
from collections.abc import Callable

import coldstart  # noqa: F401  # before torch: threads wait as in jobs

# isort: split

import numpy as np
import torch

from coldstart.common.vision import torchvision
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.blur import Blur
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.config.recipes.augmentations.jitter import Jitter
from coldstart.training.augment import augment

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
CASES = {
    "crop": (BASIC[:1], THEIR_BASIC[:1]),
    "jitter": (BASIC[2:3], THEIR_BASIC[2:3]),
    "crop, flip, jitter, grey": (BASIC, THEIR_BASIC),
    "the same and blur": (
        [*BASIC, BLUR],
        [*THEIR_BASIC, lambda _: T.RandomApply([T.GaussianBlur(3)], 0.5)],
    ),
}


def pil(name: str, side: int, pixels: torch.Tensor) -> Callable[[], object]:
    """torchvision v2 on PIL images, one at a time."""
    to_pil = torchvision.transforms.functional.to_pil_image
    images = [to_pil(image) for image in pixels[:ONE_BY_ONE]]
    transform = T.Compose(
        [
            *(make(side) for make in CASES[name][1]),
            T.ToImage(),
            T.ToDtype(torch.float32, scale=True),
        ]
    )
    return lambda: torch.stack([transform(image) for image in images])


def tensors(name: str, side: int, pixels: torch.Tensor) -> Callable[[], object]:
    """torchvision v2 on uint8 tensors, one at a time."""
    transform = T.Compose(
        [*(make(side) for make in CASES[name][1]), T.ToDtype(torch.float32, scale=True)]
    )
    return lambda: torch.stack([transform(image) for image in pixels[:ONE_BY_ONE]])


def kornia(name: str, side: int, pixels: torch.Tensor) -> Callable[[], object]:
    """kornia on the whole batch, one draw for each image."""
    K = importlib.import_module("kornia.augmentation")
    every = [
        K.RandomResizedCrop((side, side), (0.2, 1.0)),
        K.RandomHorizontalFlip(),
        K.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        K.RandomGrayscale(p=0.2),
        K.RandomGaussianBlur((3, 3), (0.1, 2.0), p=0.5),
    ]
    transform = torch.nn.Sequential(*chosen(name, every))
    return lambda: transform(pixels.float() / 255)


def albumentations(name: str, side: int, pixels: torch.Tensor) -> Callable[[], object]:
    """albumentations on uint8 arrays, one at a time, by OpenCV with one thread."""
    A = importlib.import_module("albumentations")
    importlib.import_module("cv2").setNumThreads(1)
    every = [
        A.RandomResizedCrop((side, side), (0.2, 1.0)),
        A.HorizontalFlip(),
        A.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1), p=0.8),
        A.ToGray(p=0.2),
        A.GaussianBlur((3, 3), p=0.5),
    ]
    transform = A.Compose(chosen(name, every))
    arrays = pixels[:ONE_BY_ONE].permute(0, 2, 3, 1).contiguous().numpy()

    def run() -> object:
        changed = np.stack([transform(image=image)["image"] for image in arrays])
        return torch.from_numpy(changed).permute(0, 3, 1, 2).float().div_(255)

    return run


def chosen(name: str, every: list[object]) -> list[object]:
    """The transforms of a case: the crop, the jitter, the first four or all."""
    places = {"crop": [0], "jitter": [2], "crop, flip, jitter, grey": [0, 1, 2, 3]}
    return [every[at] for at in places.get(name, range(5))]


PEERS = (pil, tensors, kornia, albumentations)


def seconds(function: Callable[[], object]) -> float:
    start = time.thread_time()
    function()
    return time.thread_time() - start


def main() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    there = []
    for peer in PEERS:
        try:
            peer("crop", 32, torch.zeros(1, 3, 32, 32, dtype=torch.uint8))()
            there.append(peer)
        except ImportError:
            print(f"{peer.__name__}: not installed, left out")
    names = "".join(f"{peer.__name__:>16}" for peer in there)
    print(f"{'images/s':26}{'side':>5}{'batch':>6}{'ours':>9}{names}   over the fastest")
    for side, batch in ((32, 256), (32, 512), (64, 256), (96, 128), (224, 32)):
        pixels = (torch.rand(batch, 3, side, side) * 255).to(torch.uint8)
        for name, (ours, _) in CASES.items():
            recipe = Augmentation(transforms=ours)

            def batched(recipe=recipe, pixels=pixels) -> object:
                floats = pixels.float().div_(255)
                return augment(floats.to(memory_format=torch.channels_last), recipe, generator)

            works = [batched, *(peer(name, side, pixels) for peer in there)]
            times = [[seconds(work) for work in works] for _ in range(ROUNDS)]
            few = min(ONE_BY_ONE, batch)
            counts = [batch if peer in (None, kornia) else few for peer in (None, *there)]
            rates = [
                count / min(column)
                for count, column in zip(counts, zip(*times, strict=True), strict=True)
            ]
            shown = "".join(f"{rate:16.0f}" for rate in rates[1:])
            print(
                f"{name:26}{side:5}{batch:6}{rates[0]:9.0f}{shown}{rates[0] / max(rates[1:]):8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
