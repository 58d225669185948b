import torch

from coldstart.ssl.contrast import against_bank, nt_xent, unit
from coldstart.ssl.method import Bank
from tests.helpers.cases import CASES, settled, views, with_running_statistics

RECIPE = CASES["simclr"]


def assert_same_gradients(model, found, expected):
    parameters = list(model.online.parameters())
    for mine, other in zip(
        torch.autograd.grad(found.mean(), parameters),
        torch.autograd.grad(expected.mean(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6)
        assert mine.abs().max() > 0


def test_losses_are_nt_xent_of_the_projections():
    model = with_running_statistics(settled(RECIPE))
    first, second = views(6)
    expected = nt_xent(unit(model.online(first)), unit(model.online(second)), 0.5)
    found = model.losses([first, second])
    torch.testing.assert_close(found, expected)
    assert_same_gradients(model, found, expected)


def test_training_statistics_are_over_both_views():
    model = settled(RECIPE)
    both = views(6)
    first, second = unit(model.online(torch.cat(both))).chunk(2)
    torch.testing.assert_close(model.loss_of_views(both, 0.0), nt_xent(first, second, 0.5).mean())


def test_evaluation_negatives_are_those_of_the_bank():
    model = settled(RECIPE).eval()
    first, second = views(4)
    others = views(9, seed=7)[0]
    with torch.no_grad():
        model.bank = Bank(model.keys(others), torch.arange(9))
        torch.testing.assert_close(model.bank.keys, unit(model.online(others)))
    one, two = unit(model.online(first)), unit(model.online(second))
    ids = torch.tensor([3, 50, 51, 52])
    expected = against_bank(torch.cat([one, two]), torch.cat([two, one]), model.bank, ids, 0.5)
    found = model.losses([first, second], ids)
    torch.testing.assert_close(found, expected)
    assert (found > 1e-2).all()
    assert_same_gradients(model, found, expected)


def test_encoder_is_the_network_below_the_projector():
    model = settled(RECIPE).eval()
    images = torch.randint(0, 256, (3, 8, 8, 1), dtype=torch.uint8)
    assert model.encoder(images).shape == (3, 8)
    torch.testing.assert_close(model.online[1](model.encoder(images)), model.online(images))
