import copy

import pytest
import torch

from coldstart.ssl.contrast import info_nce, unit
from coldstart.ssl.method import Bank
from coldstart.ssl.models import build_model
from tests.helpers.cases import CASES, inputs, settled, views, with_running_statistics

RECIPE = CASES["moco-v2"]


def test_query_of_one_view_is_compared_with_the_key_of_the_other_and_the_queue():
    model = with_running_statistics(settled(RECIPE))
    first, second = views(6)
    with torch.no_grad():
        keys = unit(model.target(second))
    expected = info_nce(unit(model.online(first)), keys, model.queue.keys.clone(), 0.2)
    found = model.losses([first, second])
    torch.testing.assert_close(found, expected)
    parameters = list(model.online.parameters())
    for mine, other in zip(
        torch.autograd.grad(found.mean(), parameters),
        torch.autograd.grad(expected.mean(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6)
        assert mine.abs().max() > 0


def test_step_puts_its_keys_into_the_queue_after_the_loss():
    model = with_running_statistics(settled(RECIPE, steps=1))
    before, place = model.queue.snapshot(), int(model.queue.place)
    first, second = views(6, seed=3)
    loss = model.loss_of_views([first, second], 0.1)
    other = copy.deepcopy(model)
    other.queue.keys.copy_(before)
    assert loss.item() == pytest.approx(other.losses([first, second]).mean().item())
    with torch.no_grad():
        keys = unit(model.target(second))
    torch.testing.assert_close(model.queue.keys[place : place + 6], keys)
    assert torch.equal(model.queue.keys[place + 6 :], before[place + 6 :])
    loss.backward()  # what it needs of the queue is still there
    assert all(p.grad is not None for p in model.online.parameters())


def test_evaluation_loss_has_both_directions_and_no_queue():
    model = settled(RECIPE).eval()
    first, second = views(4)
    model.bank = Bank(model.keys(views(9, seed=7)[0]), torch.arange(9))
    ids = torch.arange(40, 44)
    with torch.no_grad():
        one, two = model.losses([first, second], ids), model.losses([second, first], ids)
        torch.testing.assert_close(one, two)
        model.queue.keys.zero_()
        assert torch.equal(model.losses([first, second], ids), one)


def test_momentum_encoder_follows_the_online_network():
    model = build_model(RECIPE, inputs(), seed=0)
    assert model.target.state_dict().keys() == model.online.state_dict().keys()
    old = {name: p.clone() for name, p in model.target.named_parameters()}
    with torch.no_grad():
        for parameter in model.online.parameters():
            parameter += torch.randn_like(parameter)
    model.after_step(0.5)  # half the way, the decay is halfway between 0.9 and one
    online = dict(model.online.named_parameters())
    for name, new in model.target.named_parameters():
        torch.testing.assert_close(new.data, 0.95 * old[name] + 0.05 * online[name].data)
