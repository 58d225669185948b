"""Sizes of images that an encoder can take."""

import re

import pytest

from coldstart.config.checks.fits import misfit, misfit_elsewhere, size_of
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.blur import Blur
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.backbones.lenet import LeNet
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.backbones.vgg import Vgg
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.encoders.byol import Byol
from coldstart.config.recipes.encoders.existing import Existing
from coldstart.config.recipes.encoders.pca import Pca
from coldstart.config.recipes.optimizers import Optimizer

RESNET = ResNet(family="resnet", stem="cifar", widths=[4], blocks=[1])
VGG = Vgg(family="vgg", widths=[4, 6, 8], convolutions=[1, 1, 1])
LENET = LeNet(family="lenet", latent=60)
PLAIN = Augmentation(transforms=[Flip(op="flip")])
SMALL = Augmentation(transforms=[Flip(op="flip"), Crop(op="crop", size=7)])


def recipe(backbone, *views):
    return Byol(
        method="byol",
        backbone=backbone,
        views=[*views, *[PLAIN] * (2 - len(views))],
        projector=Head(widths=[4]),
        predictor=Head(widths=[4]),
        target_decay=0.9,
        optimizer=Optimizer(name="adam", lr=1e-3),
        epochs=1,
        batch_size=4,
    )


@pytest.mark.parametrize(
    ("encoder", "shape", "message"),
    [
        (recipe(RESNET), (1, 1, 3), None),
        (recipe(RESNET, SMALL, SMALL), (28, 20, 1), None),
        (
            recipe(RESNET, SMALL),
            (28, 20, 1),
            "have 7 x 7 and 28 x 20 pixels, and method byol passes them as one batch: .* `size`",
        ),
        (recipe(VGG), (8, 40, 3), None),
        (recipe(VGG), (7, 40, 3), "vgg takes 8 pixels a side or more, not images of 7 x 40 pixels"),
        (recipe(VGG, PLAIN, SMALL), (8, 8, 3), "takes 8 .* not views of 7 x 7 pixels"),
        (recipe(LENET), (12, 12, 1), None),
        (recipe(LENET), (28, 11, 1), "lenet takes 12 .* not images of 28 x 11"),
        (
            recipe(LENET, Augmentation(transforms=[Crop(op="crop", size=20)])),
            (28, 28, 1),
            "for one size, the images' 28 x 28, and cannot take views of 20 x 20 pixels",
        ),
        (Pca(method="pca", components=3), (2, 2, 1), None),
    ],
)
def test_backbone_refuses_images_and_views_of_sizes_that_it_cannot_take(encoder, shape, message):
    found = misfit(encoder, shape)
    if message is None:
        assert found is None
    else:
        assert_matches(message, found)


def assert_matches(pattern, text):
    assert text is not None
    assert re.search(pattern, text), text


def blurred(kernel, *before):
    return Augmentation(transforms=[*before, Blur(op="blur", probability=1.0, kernel=kernel)])


def test_blur_kernel_must_fit_the_size_after_earlier_transforms():
    small = Crop(op="crop", size=7)
    assert misfit(recipe(RESNET, blurred(15)), (8, 9, 3)) is None
    assert_matches("15 pixels .* 8 x 7", misfit(recipe(RESNET, blurred(15)), (8, 7, 3)))
    assert_matches("15 pixels .* 7 x 7", misfit(recipe(RESNET, blurred(15, small)), (32, 32, 3)))
    wide = blurred(0.9, small)
    assert misfit(recipe(RESNET, wide, wide), (32, 32, 3)) is None


def test_views_have_the_size_of_the_last_crop_that_has_one():
    crops = [Crop(op="crop", size=9), Crop(op="crop", size=5), Crop(op="crop")]
    assert size_of(Augmentation(transforms=crops), (32, 20)) == (5, 5)
    assert size_of(PLAIN, (32, 20)) == (32, 20)


def test_transferred_encoder_needs_images_of_a_size_that_it_takes():
    assert misfit_elsewhere(recipe(RESNET), (32, 32, 3), (96, 60, 3)) is None
    assert_matches("of 3 channels", misfit_elsewhere(recipe(RESNET), (32, 32, 3), (32, 32, 1)))
    assert_matches("takes 8", misfit_elsewhere(recipe(VGG), (32, 32, 3), (7, 7, 3)))
    assert misfit_elsewhere(recipe(LENET), (28, 28, 1), [28, 28, 1]) is None
    assert_matches("28 x 28", misfit_elsewhere(recipe(LENET), (28, 28, 1), (32, 32, 1)))
    pca = Pca(method="pca", components=3)
    assert_matches("28 x 28", misfit_elsewhere(pca, (28, 28, 1), (32, 32, 1)))
    existing = Existing(
        method="existing", library="torchvision", name="resnet18", weights="w.pth", size=224
    )
    assert misfit_elsewhere(existing, (28, 28, 1), (32, 32, 3)) is None
