"""Number of steps of a training."""

import pytest

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.encoders.byol import Byol
from coldstart.config.recipes.encoders.rotation import Rotation
from coldstart.config.recipes.optimizers import Optimizer


def recipe(**numbers):
    return Rotation(
        method="rotation",
        backbone=ResNet(family="resnet", stem="cifar", widths=[4], blocks=[1]),
        views=[Augmentation(transforms=[])],
        optimizer=Optimizer(name="adam", lr=1e-3),
        **numbers,
    )


@pytest.mark.parametrize(
    ("images", "accumulate", "expected"),
    [
        (10, 1, (4, 1, 2)),
        (3, 1, (3, 1, 1)),
        (10, 2, (4, 2, 1)),
        (7, 3, (4, 1, 1)),
        (1, 2, (1, 1, 1)),
    ],
)
def test_batch_size_and_steps_are_limited_by_the_number_of_images(images, accumulate, expected):
    assert recipe(epochs=5, batch_size=4, accumulate=accumulate).steps(images) == expected


@pytest.mark.parametrize(("images", "epochs"), [(400, 5), (40, 5), (39, 6), (8, 25), (1, 50)])
def test_epochs_are_raised_to_reach_the_least_number_of_steps(images, epochs):
    settled = recipe(epochs=5, batch_size=4, least_steps=50).settled(images)
    assert settled.epochs == epochs
    assert settled.epochs * settled.steps(images)[2] >= 50


def test_resolved_recipe_leaves_out_the_least_steps():
    dumped = recipe(epochs=5, batch_size=4, least_steps=50).model_dump()
    assert dumped == recipe(epochs=5, batch_size=4).model_dump()


def test_predictor_wider_than_the_projector_is_refused():
    described = recipe(epochs=1, batch_size=4).model_dump() | {"method": "byol"}
    described |= {"views": [Augmentation(transforms=[])] * 2, "target_decay": 0.9}
    heads = {"projector": Head(widths=[16, 8]), "predictor": Head(widths=[16, 8])}
    assert Byol(**described, **heads).dim == 4
    with pytest.raises(ValueError, match="predictor's last width, 4, must be the projector's, 8"):
        Byol(**described, **heads | {"predictor": Head(widths=[16, 4])})
