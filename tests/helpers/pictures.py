"""Pictures for the tests of augmentations, and torchvision as their reference."""

import scipy.stats
import torch

from coldstart.common.vision import torchvision
from coldstart.config.recipes.augmentations.jitter import Jitter

V1 = torchvision.transforms.functional
STEP = 1 / 255
"""Distance of neighbouring values of a uint8 image, to which the reference rounds."""
ROUNDING = 5e-6
LEVEL = 1e-3
"""Significance of the statistical tests; seeds are fixed, so each passes always or never."""


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_images(number, channels=3, height=32, width=32, seed=0):
    """Pixels that a uint8 image can hold: smooth on the left, noise on the right, some grey."""
    noise = torch.rand(number, channels, height, width, generator=seeded(seed))
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)
    images = torch.where(across < 0.5, (noise[:, :, :1, :1] + down + across) / 3, noise)
    images[:, :, :4, -4:] = images[:, :1, :4, -4:]
    images[:, :, -2:, -2:] = noise[:, :, -2:, -2:].round()
    return (images * 255).round() / 255


def one_by_one(function, images, *parameters):
    return torch.stack([function(*row) for row in zip(images, *parameters, strict=True)])


def through_pil(function):
    """The reference on a PIL image, rounded to uint8 after every step as torchvision does."""
    return lambda image, *parameters: V1.to_tensor(function(V1.to_pil_image(image), *parameters))


def through_uint8(function):
    def apply(image, *parameters):
        return function((image * 255).round().to(torch.uint8), *parameters).float() / 255

    return apply


def assert_near(result, reference, tolerance=ROUNDING):
    assert result.shape == reference.shape
    assert result.dtype == torch.float32
    assert (result - reference).abs().max().item() <= tolerance
    assert result.min() >= 0
    assert result.max() <= 1


def same_distribution(ours, theirs):
    tests = [scipy.stats.ks_2samp(a.numpy(), b.numpy()) for a, b in zip(ours, theirs, strict=True)]
    return min(test.pvalue for test in tests) > LEVEL


def jitter_recipe(probability=1.0, **strengths):
    return Jitter(op="jitter", probability=probability, **strengths)
