"""Views: the images that a transform changes, and the generator that decides."""

import itertools

import pytest
import scipy.stats
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from coldstart.common.vision import torchvision
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.blur import Blur
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.config.recipes.augmentations.cutout import Cutout
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.augmentations.grey import Grey
from coldstart.config.recipes.augmentations.shift import Shift
from coldstart.config.recipes.augmentations.solarize import Solarize
from coldstart.training.augment import augment, draws
from tests.helpers.pictures import (
    LEVEL,
    ROUNDING,
    assert_near,
    jitter_recipe,
    make_images,
    same_distribution,
    seeded,
)

T = torchvision.transforms


TRANSFORMS = {
    "flip": lambda p: Flip(op="flip", probability=p),
    "grey": lambda p: Grey(op="grey", probability=p),
    "blur": lambda p: Blur(op="blur", probability=p, sigma=[1.0, 2.0]),
    "solarize": lambda p: Solarize(op="solarize", probability=p),
    "cutout": lambda p: Cutout(op="cutout", probability=p, size=4),
    "jitter": lambda p: jitter_recipe(p, brightness=0.5, hue=0.2),
}


def changed(views, images):
    return (views != images).flatten(1).any(1)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_transform_is_applied_with_its_probability(name, probability):
    images = make_images(1, height=8, width=8).expand(4000, -1, -1, -1)
    recipe = Augmentation(transforms=[TRANSFORMS[name](probability)])
    applied = changed(augment(images, recipe, seeded()), images)
    assert scipy.stats.binomtest(int(applied.sum()), 4000, probability).pvalue > LEVEL
    if 0 < probability < 1:  # images draw independently of their neighbours
        pairs = torch.bincount(2 * applied[:-1].int() + applied[1:].int(), minlength=4)
        assert scipy.stats.chi2_contingency(pairs.view(2, 2).numpy()).pvalue > LEVEL


ALL = [
    Crop(op="crop", scale=[0.2, 1.0]),
    Flip(op="flip"),
    jitter_recipe(0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    Grey(op="grey", probability=0.2),
    Blur(op="blur", probability=0.5),
    Solarize(op="solarize", probability=0.2),
    Shift(op="shift", pixels=4),
    Cutout(op="cutout", probability=0.7, size=9),
]
LIKE_TORCHVISION = ALL[:-1]


@pytest.mark.parametrize("backwards", [False, True])
def test_views_are_distributed_like_torchvisions(backwards):
    theirs = [
        T.RandomResizedCrop(32, (0.2, 1.0), antialias=True),
        T.RandomHorizontalFlip(),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
        T.RandomGrayscale(0.2),
        T.RandomApply([T.GaussianBlur(3)], 0.5),
        T.RandomSolarize(0.5, 0.2),
        T.RandomCrop(32, padding=4),
    ]
    step = -1 if backwards else 1
    image = make_images(1)
    torch.manual_seed(0)
    pipeline = T.Compose(theirs[::step])
    reference = torch.stack([pipeline(image[0]) for _ in range(400)])
    recipe = Augmentation(transforms=LIKE_TORCHVISION[::step])
    views = augment(image.expand(2000, -1, -1, -1), recipe, seeded())

    def statistics(batch):
        red, green, blue = batch.unbind(1)
        colour = (red - green).abs().mean((1, 2))
        tilt = (red - blue).mean((1, 2))
        asymmetry = batch[..., :16].mean((1, 2, 3)) - batch[..., 16:].mean((1, 2, 3))
        edges = batch.diff(dim=-1).abs().mean((1, 2, 3))
        spread = batch.flatten(1).std(1)
        return batch.mean((1, 2, 3)), spread, colour, tilt, asymmetry, edges, batch[:, 0, 9, 9]

    assert same_distribution(statistics(views), statistics(reference))


def test_batch_scope_shares_one_draw():
    images = make_images(1).expand(8, -1, -1, -1)
    shared = Augmentation(transforms=ALL, scope="batch")
    generator = seeded()
    batches = [augment(images, shared, generator) for _ in range(20)]
    assert all((views - views[0]).abs().max() < ROUNDING for views in batches)
    assert not any(torch.equal(a, b) for a, b in itertools.pairwise(batches))
    own = augment(images, Augmentation(transforms=ALL), generator)
    assert len(own.flatten(1).unique(dim=0)) == 8


def test_batch_scope_decides_once_for_all():
    images, generator = make_images(6), seeded()
    recipe = Augmentation(transforms=[Flip(op="flip", probability=0.4)], scope="batch")
    applied = [changed(augment(images, recipe, generator), images).tolist() for _ in range(400)]
    assert all(len(set(batch)) == 1 for batch in applied)
    assert scipy.stats.binomtest(sum(batch[0] for batch in applied), 400, 0.4).pvalue > LEVEL


@pytest.mark.parametrize("scope", ["image", "batch"])
def test_views_depend_on_the_generator_alone(scope):
    images, recipe = make_images(30), Augmentation(transforms=ALL, scope=scope)
    before = torch.get_rng_state()
    first = augment(images, recipe, seeded(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(augment(images, recipe, seeded(3)), first)
    assert not torch.equal(augment(images, recipe, seeded(4)), first)


@pytest.mark.parametrize("scope", ["image", "batch"])
def test_part_of_a_batch_has_the_same_views_as_within_the_whole(scope):
    images, recipe = make_images(12), Augmentation(transforms=ALL, scope=scope)
    whole = augment(images, recipe, seeded(7))
    parts = [augment(images[i : i + 4], recipe, seeded(7), i, 12) for i in (0, 4, 8)]
    assert_near(torch.cat(parts), whole)


@pytest.mark.parametrize("scope", ["image", "batch"])
def test_accelerators_compute_the_same_views(scope, monkeypatch):
    images, recipe = make_images(64), Augmentation(transforms=ALL, scope=scope)
    expected = augment(images, recipe, seeded(5))
    monkeypatch.setattr(draws, "values_are_free", lambda tensor: False)
    assert_near(augment(images, recipe, seeded(5)), expected)


def test_augmentation_never_synchronises_an_accelerator(monkeypatch):
    # A fake tensor has no values: asking for one, or for a shape that depends on one, raises.
    def run():
        with FakeTensorMode():
            return augment(torch.empty(8, 3, 32, 32), Augmentation(transforms=ALL), seeded())

    with pytest.raises(Exception, match="nonzero"):
        run()
    monkeypatch.setattr(draws, "values_are_free", lambda tensor: False)
    assert run().shape == (8, 3, 32, 32)


@pytest.mark.parametrize("transforms", [[], *([t] for t in ALL), ALL], ids=lambda t: str(len(t)))
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_views_have_the_shape_of_the_images_which_stay_unchanged(transforms, channels, layout):
    images = make_images(16, channels, 12, 20).contiguous(memory_format=layout)
    kept, recipe = images.clone(), Augmentation(transforms=transforms)
    views = augment(images, recipe, seeded())
    assert views.is_contiguous(memory_format=layout)
    assert_near(views, augment(images.contiguous(), recipe, seeded()), 0)
    assert torch.equal(images, kept)
    assert views.data_ptr() != images.data_ptr()


def test_autocast_does_not_change_the_views():
    images, recipe = make_images(8), Augmentation(transforms=ALL)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        views = augment(images, recipe, seeded())
    assert torch.equal(views, augment(images, recipe, seeded()))
