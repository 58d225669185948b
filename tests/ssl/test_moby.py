import pytest
import torch
from torch import nn

from coldstart.ssl.contrast import info_nce, unit
from coldstart.ssl.method import Bank
from coldstart.training.heads import build_head
from tests.helpers.cases import CASES, settled, views, with_running_statistics


@pytest.mark.parametrize("name", ["moby", "mobyv2al"])
def test_losses_compare_each_view_with_the_queue_of_the_other(name):
    model = with_running_statistics(settled(CASES[name]))
    first, second = views(6)
    with torch.no_grad():
        keys = [unit(model.target(view)) for view in (first, second)]
    queues = [queue.keys.clone() for queue in model.queues]
    assert not torch.equal(*queues)
    one = info_nce(unit(model.online(first)), keys[1], queues[1], 0.2)
    other = info_nce(unit(model.online(second)), keys[0], queues[0], 0.2)
    found = model.losses([first, second])
    torch.testing.assert_close(found, one + other)
    parameters = list(model.online.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(found.mean(), parameters),
        torch.autograd.grad((one + other).mean(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-6)


def test_step_puts_the_keys_of_each_view_into_its_own_queue():
    model = with_running_statistics(settled(CASES["moby"], steps=1))
    both = views(6, seed=3)
    place = int(model.queues[0].place)
    model.loss_of_views(both, 0.1)
    for queue, view in zip(model.queues, both, strict=True):
        with torch.no_grad():
            torch.testing.assert_close(queue.keys[place : place + 6], unit(model.target(view)))


def test_the_target_has_no_predictor():
    model = settled(CASES["moby"])
    names = {name.split(".")[0] for name, _ in model.target.named_parameters()}
    assert names == {"encoder", "projector"}


def test_evaluation_loss_has_both_directions():
    model = settled(CASES["moby"]).eval()
    first, second = views(4)
    model.bank = Bank(model.keys(views(9, seed=7)[0]), torch.arange(9))
    ids = torch.arange(40, 44)
    with torch.no_grad():
        torch.testing.assert_close(
            model.losses([first, second], ids), model.losses([second, first], ids)
        )


def test_heads_of_moby_v2_are_one_layer_with_batchnorm_and_relu():
    head = build_head(8, CASES["mobyv2al"].projector)
    assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU]
    linear = build_head(8, CASES["mobyv2al"].projector.model_copy(update={"activate_last": False}))
    assert [type(layer) for layer in linear] == [nn.Linear]
    plain = build_head(8, CASES["moby"].projector.model_copy(update={"batchnorm": False}))
    assert [type(layer) for layer in plain] == [nn.Linear, nn.ReLU, nn.Linear]
    gelu = build_head(8, CASES["dino"].projector)
    assert [type(layer) for layer in gelu] == [nn.Linear, nn.BatchNorm1d, nn.GELU, nn.Linear]
