import pytest
import torch
from torch import nn

from tests.helpers.cases import CASES, lightly, settled, views, with_running_statistics

RECIPE = CASES["barlow-twins"]
LAMBDA = RECIPE.off_diagonal


@pytest.fixture
def bare():
    """A model whose images are its projections [N, 8], to test the loss alone."""
    model = settled(RECIPE)
    model.online = nn.Identity()
    return model


def projections(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    first = torch.randn(count, 8, generator=generator)
    return first, first + torch.randn(count, 8, generator=generator)


def paper_loss(first, second):
    """Equations 1 and 2, an entry of the cross-correlation at a time."""
    first, second = (
        (z - z.mean(0)) / ((z - z.mean(0)) ** 2).mean(0).add(1e-5).sqrt() for z in (first, second)
    )
    loss = 0.0
    for i in range(first.shape[1]):
        for j in range(second.shape[1]):
            entry = (first[:, i] * second[:, j]).mean()
            loss += (1 - entry) ** 2 if i == j else LAMBDA * entry**2
    return loss


def test_training_loss_equals_the_formula_of_the_paper(bare):
    first, second = projections(20)
    torch.testing.assert_close(bare.loss_of_views([first, second], 0.0), paper_loss(first, second))


def test_training_loss_equals_lightly(bare):
    losses = lightly()
    criterion = losses.BarlowTwinsLoss(lambda_param=LAMBDA)
    first, second = (z.requires_grad_() for z in projections(20))
    ours = bare.loss_of_views([first, second], 0.0)
    theirs = criterion(first, second)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    for mine, other in zip(
        torch.autograd.grad(ours, [first, second]),
        torch.autograd.grad(theirs, [first, second]),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5)
        assert mine.abs().max() > 1e-2


def test_the_training_loss_is_of_the_projections():
    model = settled(RECIPE)
    both = views(10)
    expected = paper_loss(*model.online(torch.cat(both)).chunk(2))
    torch.testing.assert_close(model.loss_of_views(both, 0.0), expected, rtol=1e-4, atol=1e-5)


def test_loss_of_an_image_is_that_of_a_batch_of_it_alone():
    model = settled(RECIPE).eval()
    first, second = views(6)
    with torch.no_grad():
        found = model.losses([first, second])
        for image in range(6):
            a, b = (
                model.standardise(model.online(view[image : image + 1])) for view in (first, second)
            )
            correlation = a.T @ b
            off = LAMBDA * (correlation**2).fill_diagonal_(0).sum()
            expected = ((1 - correlation.diagonal()) ** 2).sum() + off
            torch.testing.assert_close(found[image], expected, rtol=1e-4, atol=1e-5)


def test_mean_of_image_losses_exceeds_the_loss_by_the_variance_of_the_entries():
    model = with_running_statistics(settled(RECIPE))
    both = views(10)
    with torch.no_grad():
        a, b = (model.standardise(model.online(view)) for view in both)
        entries = a.unsqueeze(2) * b.unsqueeze(1)
        weights = torch.full((8, 8), LAMBDA).fill_diagonal_(1)
        variance = (weights * entries.var(0, correction=0)).sum()
        gap = model.losses(both).mean() - model.loss_of_views(both, 0.0)
    assert variance > 0.1
    torch.testing.assert_close(gap, variance, rtol=1e-3, atol=1e-4)


def test_running_statistics_are_of_the_projections():
    model = settled(RECIPE)
    before = model.standardise.running_mean.clone()
    model.loss_of_views(views(10), 0.0)
    assert not torch.allclose(model.standardise.running_mean, before)
    assert not list(model.standardise.parameters())
