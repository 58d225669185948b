import numpy as np
import pytest
import torch

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.flip import Flip
from coldstart.config.recipes.augmentations.jitter import Jitter
from coldstart.config.recipes.scores import Score
from coldstart.embeddings.passes import AS_IT_IS
from coldstart.embeddings.score import score
from coldstart.ssl.contrast import nt_xent
from coldstart.ssl.method import Contrastive
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from tests.helpers.cases import CASES, CROPPED, settled

CPU = torch.device("cpu")
COUNT = 9
IDS = np.arange(COUNT, dtype=np.int64) * 3 + 5
CONTRASTIVE = [name for name in CASES if isinstance(settled(CASES[name], steps=0), Contrastive)]
FLIP = Augmentation(transforms=[Flip(op="flip", probability=1.0)])
JITTER = Augmentation(transforms=[Jitter(op="jitter", probability=1.0, contrast=0.8)])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 1), dtype=np.uint8)


def scores(name, images, recipe, views=None, model=None, seed=4):
    recipe = Score(**recipe)
    model = model or settled(CASES[name])
    views = CASES[name].views if views is None else views
    return score(model.eval(), images, IDS[: len(images)], views, recipe, seed, CPU)


def still(name):
    """Deterministic views, as many as the method has."""
    return [[AS_IT_IS, FLIP, FLIP][i % 3] for i in range(len(CASES[name].views))]


@pytest.mark.parametrize("kind", ["loss", "grad-norm"])
@pytest.mark.parametrize("name", CASES)
def test_score_does_not_depend_on_other_images_of_the_batch(name, kind, images):
    one, many = (
        scores(name, images, {"score": kind, "passes": 1, "batch_size": size}, still(name))
        for size in (1, 4)
    )
    assert one.shape == (1, COUNT)
    np.testing.assert_allclose(one, many, rtol=1e-3, atol=1e-5)
    assert one.std() > 1e-3 * one.mean() > 0


@pytest.mark.parametrize("name", CASES)
def test_gradient_norm_is_that_of_the_loss_of_the_image_alone(name, images):
    model = settled(CASES[name])
    found = scores(name, images[:3], {"score": "grad-norm", "passes": 1}, still(name), model)
    drawn = torch.Generator().manual_seed(0)
    batch = unit_images(torch.from_numpy(images[:3]))
    views = [augment(batch, view, drawn) for view in still(name)]
    for image in range(3):
        model.zero_grad()
        one = [view[image : image + 1] for view in views]
        model.losses(one, torch.from_numpy(IDS[image : image + 1])).sum().backward()
        gradients = [p.grad for p in model.online.parameters() if p.grad is not None]
        norm = sum(gradient.double().square().sum() for gradient in gradients).sqrt()
        assert found[0, image] == pytest.approx(norm.item(), rel=1e-3)
        assert norm > 0


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_contrastive_score_needs_negatives(name, images):
    """A published score takes the contrastive loss of one image at a time, without negatives."""
    model = settled(CASES["simclr"]).train()
    batch = unit_images(torch.from_numpy(images))
    for image in batch.split(1):
        one, two = model.keys(torch.cat([image, image.flip(-1)])).chunk(2)
        assert nt_xent(one, two, 0.1).item() == 0
    ours = scores(name, images, {"score": "loss", "passes": 1, "views": [FLIP]})
    assert (ours > 1e-2).all()
    assert len(np.unique(ours)) == len(images)


@pytest.mark.parametrize("name", CONTRASTIVE)
def test_bank_is_drawn_once_and_excludes_the_image_itself(name, images):
    model = settled(CASES[name])
    recipe = {"score": "loss", "passes": 1, "views": [FLIP], "negatives": 6}
    found = scores(name, images, recipe, model=model)
    bank = model.bank
    assert len(bank.ids) == len(bank.keys) == 6
    assert set(bank.ids.tolist()) < set(IDS.tolist())
    with torch.no_grad():
        whole = model.keys(unit_images(torch.from_numpy(images)))
        for key, name_ in zip(bank.keys, bank.ids, strict=True):
            torch.testing.assert_close(key, whole[IDS.tolist().index(name_)])
        for image in range(COUNT):
            view = unit_images(torch.from_numpy(images[image : image + 1]))
            others = bank.ids != IDS[image]
            assert others.sum() == (5 if IDS[image] in bank.ids else 6)
            model.bank = type(bank)(bank.keys[others], bank.ids[others])
            loss = model.losses([view, view.flip(-1)], torch.tensor([-1]))
            assert found[0, image] == pytest.approx(loss.item(), rel=1e-4)
    assert np.array_equal(scores(name, images, recipe), found)
    assert not np.array_equal(scores(name, images, recipe, seed=5), found)


def test_score_of_the_initial_pools_code_is_nought_whatever_the_image(images):
    recipe = {"score": "loss", "passes": 1, "views": [FLIP], "negatives": 0}
    assert not scores("simclr", images, recipe).any()
    assert scores("simclr", images, recipe | {"negatives": 6}).all()


def test_named_views_follow_the_plain_image_in_order(images):
    model = settled(CASES["byol"])
    recipe = {"score": "loss", "passes": 2, "views": [FLIP, JITTER], "batch_size": COUNT}
    found = scores("byol", images, recipe, model=model)
    assert found.shape == (4, COUNT)
    batch = unit_images(torch.from_numpy(images))
    drawn = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for number, view in enumerate([FLIP, FLIP, JITTER, JITTER]):
            expected = model.losses([batch, augment(batch, view, drawn)])
            np.testing.assert_allclose(found[number], expected.numpy(), rtol=1e-4)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    assert not np.allclose(found[2], found[3], rtol=1e-3)


def test_each_pass_draws_new_views(images):
    recipe = {"score": "loss", "passes": 3}
    found = scores("byol", images, recipe, [CROPPED, CROPPED])
    assert found.shape == (3, COUNT)
    assert len(np.unique(found, axis=0)) == 3
    assert np.array_equal(scores("byol", images, recipe, [CROPPED, CROPPED]), found)


def test_scores_that_are_not_finite_are_an_error(images):
    model = settled(CASES["simclr"])
    with torch.no_grad():
        next(model.online.parameters()).fill_(torch.nan)
    with pytest.raises(ColdstartError, match="non-finite"):
        scores("simclr", images, {"score": "loss"}, model=model)
