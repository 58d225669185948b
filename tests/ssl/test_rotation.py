import pytest
import torch
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.config.checks.fits import misfit
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.augmentations.crop import Crop
from coldstart.embeddings.grad_norm import gradient_norms
from coldstart.ssl.methods.rotation import build
from tests.helpers.cases import CASES, inputs, settled, views

RECIPE = CASES["rotation"]


@pytest.fixture(scope="module")
def model():
    return settled(RECIPE).eval()


def plain_losses(model, images):
    """Section 3.1, one image and one rotation at a time: the mean of -log F^y(rotated by y)."""
    losses = []
    for image in images:
        turned, entropies = image, []
        for turns in range(4):
            probabilities = model.online(turned.unsqueeze(0)).softmax(1)
            entropies.append(-probabilities[0, turns].log())
            # A quarter turn anticlockwise: the last column becomes the first row.
            turned = turned.transpose(1, 2).flip(1)
        losses.append(torch.stack(entropies).mean())
    return torch.stack(losses)


def test_losses_and_gradients_equal_the_formula_of_the_paper(model):
    (images,) = views(5, number=1)
    ours, theirs = model.losses([images]), plain_losses(model, images)
    torch.testing.assert_close(ours, theirs)
    parameters = list(model.online.parameters())
    for mine, other in zip(
        torch.autograd.grad(ours.mean(), parameters),
        torch.autograd.grad(theirs.mean(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_all_rotations_of_a_batch_pass_together():
    model = build(RECIPE, inputs()).train()
    (images,) = views(6, number=1)
    rotated = torch.cat([torch.rot90(images, turns, (2, 3)) for turns in range(4)])
    logits = model.online(rotated)
    expected = functional.cross_entropy(logits, torch.arange(4).repeat_interleave(6))
    torch.testing.assert_close(model.loss_of_views([images], 0.0), expected)


def test_several_views_are_averaged(model):
    first, second = views(5)
    each = [model.losses([view]) for view in (first, second)]
    torch.testing.assert_close(model.losses([first, second]), (each[0] + each[1]) / 2)


def test_gradient_norms_equal_those_of_one_image_at_a_time(model):
    (images,) = views(4, number=1)
    norms = gradient_norms(model.online, lambda: model.losses([images]), 4)
    for i in range(4):
        gradients = torch.autograd.grad(
            model.losses([images[i : i + 1]]).sum(), list(model.online.parameters())
        )
        alone = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
        torch.testing.assert_close(norms[i], alone, rtol=1e-4, atol=1e-6)


def test_trained_model_predicts_rotations(digits):
    model = settled(RECIPE, steps=0)
    optimizer = torch.optim.Adam(model.online.parameters(), 2e-2)
    images = torch.from_numpy(digits[:64]).permute(0, 3, 1, 2) / 255
    for _ in range(50):
        optimizer.zero_grad()
        model.loss_of_views([images], 0.0).backward()
        optimizer.step()
    assert model.losses([images]).mean() < 0.7  # log 4 = 1.39 by guessing


def test_views_that_are_not_square_are_refused(model):
    with pytest.raises(ColdstartError, match="8 x 6 pixels, and a quarter turn needs a square"):
        model.losses([torch.rand(2, 1, 8, 6)])
    assert "8 x 6 pixels, and a quarter turn" in misfit(RECIPE, (8, 6, 1))
    square = Augmentation(transforms=[Crop(op="crop", size=6)])
    assert misfit(RECIPE.model_copy(update={"views": [square]}), (8, 6, 1)) is None
