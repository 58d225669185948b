"""Colour transforms of whole batches against torchvision, one image at a time."""

import importlib
import itertools
from functools import partial

import numpy as np
import pytest
import scipy.stats
import torch

from coldstart.common.vision import torchvision
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.training.augment import augment
from coldstart.training.augment.colours import BRIGHTNESS, CONTRAST, HUE, SATURATION
from coldstart.training.augment.grey import greyscale
from coldstart.training.augment.jitter import draw_jitter, jitter, jitter_operations
from coldstart.training.augment.solarize import solarize
from tests.helpers.pictures import (
    LEVEL,
    STEP,
    V1,
    assert_near,
    jitter_recipe,
    make_images,
    one_by_one,
    seeded,
    through_pil,
    through_uint8,
)

T = torchvision.transforms
V2 = importlib.import_module("torchvision.transforms.v2.functional")

STRENGTHS = {BRIGHTNESS: "brightness", CONTRAST: "contrast", SATURATION: "saturation", HUE: "hue"}


def reference_jitter(functional, image, factors, order):
    for operation in order.tolist():
        adjust = getattr(functional, f"adjust_{STRENGTHS[operation]}")
        image = adjust(image, float(factors[operation]))
    return image


def draw_factors(number, seed=1):
    factors = torch.rand(number, 4, generator=seeded(seed)) * 2
    factors[:, HUE] = factors[:, HUE] / 2 - 0.5
    factors[:4, HUE] = torch.tensor([-0.5, 0.0, 1 / 6, 0.5])
    factors[:4, :HUE] = torch.tensor([0.0, 1.0, 2.0, 0.5])[:, None]
    return factors


@pytest.mark.parametrize(
    ("operation", "channels"),
    [(BRIGHTNESS, 3), (CONTRAST, 3), (SATURATION, 3), (HUE, 3), (BRIGHTNESS, 1), (CONTRAST, 1)],
)
def test_colour_operations_equal_torchvision(operation, channels):
    images = make_images(40, channels)
    factors = draw_factors(40)
    order = torch.full((40, 1), operation)
    result = jitter(images, factors, order, hue=operation == HUE)
    for functional in (V1, V2):
        reference = partial(reference_jitter, functional)
        assert_near(result, one_by_one(reference, images, factors, order))
    # In uint8 the reference rounds its result and the grey that it blends in, by a step at most. It
    # rounds hues too, which is coarser than the pixels.
    if operation != HUE:
        for rounded in (through_pil, through_uint8):
            reference = one_by_one(rounded(partial(reference_jitter, V1)), images, factors, order)
            assert_near(result, reference, 2 * STEP)


@pytest.mark.parametrize("operations", [range(4), (0, 1, 2), (0, 2, 3), (3, 1)])
def test_jitter_applies_the_operations_in_each_images_order(operations):
    orders = torch.tensor(list(itertools.permutations(operations)))
    orders = orders.repeat(3, 1)[torch.randperm(3 * len(orders), generator=seeded())]
    images, factors = make_images(len(orders)), draw_factors(len(orders))
    result = jitter(images, factors, orders, hue=HUE in operations)
    reference = one_by_one(partial(reference_jitter, V1), images, factors, orders)
    assert_near(result, reference, 2e-5)
    reversed_ = one_by_one(partial(reference_jitter, V1), images, factors, orders.flip(1))
    assert (result - reversed_).abs().max() > 10 * STEP


@pytest.mark.parametrize("channels", [1, 3])
def test_greyscale_equals_torchvision(channels):
    images = make_images(10, channels)
    result = greyscale(images)
    for functional in (V1, V2):
        assert_near(
            result, one_by_one(lambda x, f=functional: f.rgb_to_grayscale(x, channels), images)
        )
    grey = through_pil(lambda x: V1.to_grayscale(x, channels))
    assert_near(result, one_by_one(grey, images), STEP)


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_solarize_equals_torchvision(threshold, channels):
    images = make_images(10, channels)
    result = solarize(images, threshold)
    for functional in (V1, V2):
        assert_near(result, one_by_one(lambda x, f=functional: f.solarize(x, threshold), images), 0)
    if threshold == 0.5:  # of 255, the published 128 is the first value above
        published = through_pil(lambda x: V1.solarize(x, 128))
        assert_near(result, one_by_one(published, images), 1e-6)


def test_jitter_factors_are_uniform_in_the_ranges_of_torchvision():
    strengths = {"brightness": 0.4, "contrast": 1.5, "saturation": 0.8, "hue": 0.1}
    theirs = T.ColorJitter(**strengths)
    factors, _ = draw_jitter(20000, jitter_recipe(**strengths), range(4), seeded())
    for operation, name in STRENGTHS.items():
        low, high = getattr(theirs, name)
        drawn = factors[:, operation].numpy()
        assert scipy.stats.kstest(drawn, "uniform", (low, high - low)).pvalue > LEVEL
    correlation = np.corrcoef(factors.T) - np.eye(4)
    assert np.abs(correlation).max() < 4 / np.sqrt(20000)


@pytest.mark.parametrize("operations", [(0, 1, 2, 3), (0, 2, 3), (1, 3)])
def test_every_order_of_the_operations_is_equally_likely(operations):
    _, orders = draw_jitter(24000, jitter_recipe(hue=0.1), operations, seeded())
    found, counts = orders.unique(dim=0, return_counts=True)
    assert sorted(map(tuple, found.tolist())) == sorted(itertools.permutations(operations))
    assert scipy.stats.chisquare(counts.numpy()).pvalue > LEVEL


def changed(views, images):
    return (views != images).flatten(1).any(1)


def test_jitter_of_no_strength_changes_nothing():
    images = make_images(8)
    still = Augmentation(transforms=[jitter_recipe()])
    assert torch.equal(augment(images, still, seeded()), images)
    for operation, name in STRENGTHS.items():
        transform = jitter_recipe(**{name: 0.3})
        assert jitter_operations(transform, 3) == [operation]
        recipe = Augmentation(transforms=[transform])
        assert changed(augment(images, recipe, seeded()), images).all()


def test_colour_operations_leave_one_channel_grey():
    images = make_images(8, channels=1)
    colour = [jitter_recipe(saturation=0.9, hue=0.5), Grey(op="grey", probability=1.0)]
    assert torch.equal(augment(images, Augmentation(transforms=colour), seeded()), images)
    full = jitter_recipe(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    assert changed(augment(images, Augmentation(transforms=[full]), seeded()), images).all()
