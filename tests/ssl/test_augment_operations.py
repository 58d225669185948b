"""RandAugment's operations on whole batches against torchvision, one image at a time."""

import math

import pytest
import scipy.stats
import torch

from coldstart.common.vision import torchvision
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.rand_augment import RandAugment
from coldstart.training.augment import augment
from coldstart.training.augment.colours import BRIGHTNESS, CONTRAST, SATURATION
from coldstart.training.augment.rand_augment import (
    AUTOCONTRAST,
    EQUALIZE,
    IDENTITY,
    KINDS,
    POSTERIZE,
    ROTATION,
    SHARPNESS,
    SHEAR_X,
    SHEAR_Y,
    SOLARIZE,
    TRANSLATION_X,
    TRANSLATION_Y,
    draw_operations,
    rand_augment,
    resample,
)
from tests.helpers.pictures import (
    LEVEL,
    STEP,
    V1,
    assert_near,
    make_images,
    one_by_one,
    seeded,
    through_pil,
    through_uint8,
)

BILINEAR = torchvision.transforms.InterpolationMode.BILINEAR
RECIPE = RandAugment(op="rand-augment", count=1)
COUNT = 40


def ours(kind, images, strengths, recipe=RECIPE):
    kinds = torch.full((len(images), 1), kind)
    return rand_augment(images.clone(), kinds, strengths.unsqueeze(1), recipe)


def strengths_of(count=COUNT):
    return torch.linspace(0, 1 - 2**-24, count)


def affine(image, angle=0.0, translate=(0, 0), shear=(0.0, 0.0), center=None):
    return V1.affine(
        image, angle, list(translate), 1.0, list(shear), interpolation=BILINEAR, center=center
    )


def far(strength, most):
    return (2 * strength - 1) * most


# Torchvision's function for each kind, of an image, a strength, a height and a width.
MOVED = {
    ROTATION: lambda i, s, h, w: V1.rotate(i, far(s, 30.0), interpolation=BILINEAR),
    SHEAR_X: lambda i, s, h, w: affine(
        i, shear=(math.degrees(math.atan(far(s, 0.1))), 0.0), center=[0, 0]
    ),
    SHEAR_Y: lambda i, s, h, w: affine(
        i, shear=(0.0, math.degrees(math.atan(far(s, 0.1)))), center=[0, 0]
    ),
    TRANSLATION_X: lambda i, s, h, w: affine(i, translate=(round(far(s, 0.1 * w)), 0)),
    TRANSLATION_Y: lambda i, s, h, w: affine(i, translate=(0, round(far(s, 0.1 * h)))),
}
FACTORS = {
    BRIGHTNESS: V1.adjust_brightness,
    CONTRAST: V1.adjust_contrast,
    SATURATION: V1.adjust_saturation,
    SHARPNESS: V1.adjust_sharpness,
}


@pytest.mark.parametrize(("height", "width"), [(32, 32), (17, 40)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", MOVED)
def test_geometric_operations_equal_torchvision(kind, channels, height, width):
    images, strengths = make_images(COUNT, channels, height, width), strengths_of()

    def reference(image, strength):
        return MOVED[kind](image, strength.item(), height, width)

    found = ours(kind, images, strengths)
    assert_near(found, one_by_one(reference, images, strengths), 1e-4)
    assert (found - images).abs().flatten(1).amax(1).median() > 0.3
    steady = ours(kind, images, torch.full((COUNT,), 0.5))
    assert_near(steady, images)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", FACTORS)
def test_blending_operations_equal_torchvision(kind, channels):
    images, strengths = make_images(COUNT, channels), strengths_of()
    factors = 0.05 + 0.9 * strengths

    def reference(image, factor):
        return FACTORS[kind](image, factor.item())

    found = ours(kind, images, strengths)
    assert_near(found, one_by_one(reference, images, factors))
    assert_near(found, one_by_one(through_pil(reference), images, factors), 2 * STEP)
    if channels == 3 or kind != SATURATION:
        assert (found - images).abs().amax() > 0.1


def test_image_too_small_for_sharpness_is_unchanged():
    images = make_images(3, 3, 2, 9)
    assert torch.equal(ours(SHARPNESS, images, strengths_of(3)), images)
    assert torch.equal(images[0], V1.adjust_sharpness(images[0], 0.3))


@pytest.mark.parametrize("channels", [1, 3])
def test_operations_on_levels_equal_torchvision(channels):
    images, strengths = make_images(COUNT, channels), strengths_of()
    bits = (4 + 5 * strengths).int().clamp(max=8)
    assert set(bits.tolist()) == {4, 5, 6, 7, 8}
    expected = one_by_one(
        through_uint8(lambda image, b: V1.posterize(image, b.item())), images, bits
    )
    assert_near(ours(POSTERIZE, images, strengths), expected)
    expected = one_by_one(lambda image, s: V1.solarize(image, s.item()), images, strengths)
    assert_near(ours(SOLARIZE, images, strengths), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_operations_on_histograms_equal_torchvision(channels):
    images = make_images(COUNT, channels, 40, 30)
    images[:8] = 0.3 + 0.2 * images[:8]  # of little contrast
    images[8] = 0.4  # of none
    images[9, :, :, 3:] = 0.0  # most pixels on one level
    images = (images * 255).round() / 255
    strengths = strengths_of()
    found = ours(EQUALIZE, images, strengths)
    assert_near(found, one_by_one(through_uint8(V1.equalize), images))
    assert_near(found, one_by_one(through_pil(V1.equalize), images))
    found = ours(AUTOCONTRAST, images, strengths)
    assert_near(found, one_by_one(V1.autocontrast, images))
    assert_near(found, one_by_one(through_uint8(V1.autocontrast), images), STEP)
    assert torch.equal(found[8], images[8])
    assert torch.equal(ours(IDENTITY, images, strengths), images)


def test_each_image_draws_its_own_sequence_of_operations():
    images = make_images(KINDS)
    kinds = torch.stack([torch.arange(KINDS), torch.arange(KINDS).flip(0)], 1)
    strengths = torch.linspace(0.1, 0.9, 2 * KINDS).view(KINDS, 2)
    found = rand_augment(images.clone(), kinds, strengths, RECIPE)
    for row in range(KINDS):
        expected = images[row : row + 1]
        for kind, strength in zip(kinds[row], strengths[row], strict=True):
            expected = ours(int(kind), expected, strength.view(1))
        torch.testing.assert_close(found[row], expected[0], rtol=0, atol=1e-6)


def test_operations_on_an_accelerator_give_the_same_result(monkeypatch):
    """There a transform is computed for all images and kept for those that drew it."""
    images, generator = make_images(60), seeded(4)
    kinds, strengths = draw_operations(60, 3, generator)
    expected = rand_augment(images.clone(), kinds, strengths, RECIPE)
    monkeypatch.setattr("coldstart.training.augment.draws.values_are_free", lambda tensor: False)
    found = rand_augment(images.clone(), kinds, strengths, RECIPE)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_operations_and_strengths_are_uniform():
    kinds, strengths = draw_operations(7000, 2, seeded())
    assert kinds.shape == strengths.shape == (7000, 2)
    counts = kinds.flatten().bincount(minlength=KINDS)
    assert len(counts) == KINDS
    assert scipy.stats.chisquare(counts.numpy()).pvalue > LEVEL
    assert scipy.stats.kstest(strengths.flatten().numpy(), "uniform").pvalue > LEVEL
    assert abs(torch.corrcoef(kinds.T.float())[0, 1]) < 0.05


def test_recipe_sets_the_intervals_of_strengths():
    images = make_images(2)
    top = torch.full((2,), 1 - 2**-24)
    wide = RandAugment(op="rand-augment", count=1, rotation=90.0, factor=[0.5, 1.0], bits=[1, 1])
    turned = ours(ROTATION, images, top, wide)
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), rtol=0, atol=1e-4)
    assert_near(ours(BRIGHTNESS, images, top, wide), images, 1e-5)
    halved = ours(POSTERIZE, images, top, wide).unique()
    torch.testing.assert_close(halved, torch.tensor([0.0, 128 / 255]))


def test_views_of_random_operations_are_reproducible_images():
    images = make_images(50, 3, 12, 9).contiguous(memory_format=torch.channels_last)
    recipe = Augmentation(transforms=[RandAugment(op="rand-augment", count=4)])
    seen = augment(images, recipe, seeded(1))
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert_near(seen, images, 1.0)
    assert torch.equal(augment(images, recipe, seeded(1)), seen)
    assert not torch.equal(augment(images, recipe, seeded(2)), seen)
    changed = (seen != images).flatten(1).any(1)
    assert changed.float().mean() > 0.9
    whole = Augmentation(transforms=recipe.transforms, scope="batch")
    same = augment(images[:1].expand(5, -1, -1, -1).contiguous(), whole, seeded(1))
    assert all(torch.equal(view, same[0]) for view in same)


def test_pixels_from_outside_are_black():
    identity = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])
    images = torch.ones(2, 1, 4, 6)
    sources = identity.repeat(2, 1, 1)
    sources[1, 0, 2] = 3.0
    found = resample(images, sources)
    assert torch.equal(found[0], images[0])
    expected = torch.tensor([1.0, 1, 1, 0, 0, 0]).expand(4, 6)
    torch.testing.assert_close(found[1, 0], expected, rtol=0, atol=1e-5)
