import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from coldstart.config.recipes.optimizers import Optimizer
from coldstart.training.optim import build_optimizer, learning_rate


def test_learning_rate_warms_up_and_falls_by_the_schedule():
    cosine = Optimizer(name="sgd", lr=2.0, schedule="cosine", warmup_epochs=2)
    rates = [learning_rate(cosine, step, 2, 6) for step in range(12)]
    np.testing.assert_allclose(rates[:5], [0.5, 1.0, 1.5, 2.0, 2.0])
    np.testing.assert_allclose(rates[4:], 1 + np.cos(np.pi * np.arange(8) / 8))
    constant = Optimizer(name="sgd", lr=2.0, warmup_epochs=1)
    assert [learning_rate(constant, step, 2, 3) for step in range(4)] == [1.0, 2.0, 2.0, 2.0]
    only_warmup = Optimizer(name="sgd", lr=2.0, schedule="cosine", warmup_epochs=3)
    assert learning_rate(only_warmup, 3, 2, 2) == pytest.approx(4 / 3)


def test_learning_rate_falls_at_milestones():
    steps = Optimizer(
        name="sgd", lr=1.0, schedule="step", milestones=[2, 3], factor=0.5, warmup_epochs=1
    )
    rates = [learning_rate(steps, step, 2, 4) for step in range(8)]
    assert rates == [0.5, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": "step"}, "needs milestones"),
        ({"schedule": "step", "milestones": [3, 2]}, "must ascend"),
        ({"schedule": "step", "milestones": [2, 2]}, "must ascend"),
    ],
)
def test_invalid_milestones_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Optimizer(name="sgd", lr=1.0, **fields)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sgd", 2 - 0.1 * (3 + 0.5 * 2)),
        ("adam", 2 - 0.1),  # the first step is lr times the sign; decay only enters the gradient
        ("adamw", 2 * (1 - 0.1 * 0.5) - 0.1),
        ("lars", 2 - 0.1 * 3),  # of one dimension: neither adapted nor decayed
    ],
)
def test_first_step_of_each_optimizer_equals_its_formula(name, expected):
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = build_optimizer([weight], Optimizer(name=name, lr=0.1, weight_decay=0.5))
    weight.grad = torch.tensor([3.0])
    optimizer.step()
    assert weight.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lars"])
@pytest.mark.parametrize("decayed", ["all", "weights"])
def test_biases_have_weight_decay_if_the_recipe_says_so(name, decayed):
    weight, bias = (torch.nn.Parameter(torch.ones(shape)) for shape in ([2, 2], [2]))
    recipe = Optimizer(name=name, lr=0.1, weight_decay=0.5, decayed=decayed)
    optimizer = build_optimizer([weight, bias], recipe)
    for parameter in (weight, bias):
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert (weight < 1).all()
    assert (bias < 1).all() == (decayed == "all" and name != "lars")


def test_momentum_accumulates_as_in_sgd():
    weight = torch.nn.Parameter(torch.tensor([0.0]))
    optimizer = build_optimizer([weight], Optimizer(name="sgd", lr=1.0, momentum=0.5))
    for _ in range(2):
        weight.grad = torch.tensor([1.0])
        optimizer.step()
    assert weight.item() == pytest.approx(-2.5)


def lars_as_published(weight, gradients, rates, momentum, decay, trust, adapted):
    """You et al. 2017, algorithm 1, one number at a time."""
    weight = weight.astype(np.float64)
    velocity = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        local = 1.0
        if adapted:
            size, slope = np.sqrt((weight**2).sum()), np.sqrt((gradient**2).sum())
            if size > 0 and slope > 0:
                local = trust * size / (slope + decay * size)
        else:
            decay = 0.0
        velocity = momentum * velocity + rate * local * (gradient + decay * weight)
        weight = weight - velocity
    return weight


def test_lars_equals_the_formula_of_the_paper():
    generator = np.random.default_rng(0)
    shapes = {"weight": (3, 4), "kernel": (2, 3, 3, 3), "nought": (2, 2), "bias": (4,)}
    start = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    start["nought"][:] = 0
    gradients = {name: generator.normal(size=(4, *shape)) for name, shape in shapes.items()}
    gradients["weight"][2] = 0
    recipe = Optimizer(name="lars", lr=1.0, momentum=0.8, weight_decay=0.3, trust=0.02)
    parameters = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in start.items()}
    parameters["kernel"].data = parameters["kernel"].data.to(memory_format=torch.channels_last)
    optimizer = build_optimizer(parameters.values(), recipe)
    rates = [0.5, 1.0, 0.7, 0.1]
    for step, rate in enumerate(rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[name][step])
        optimizer.step()
        if step == 1:  # saved and loaded in between
            state = optimizer.state_dict()
            optimizer = build_optimizer(parameters.values(), recipe)
            optimizer.load_state_dict(state)
    for name, parameter in parameters.items():
        expected = lars_as_published(
            start[name], gradients[name], rates, 0.8, 0.3, 0.02, adapted=name != "bias"
        )
        np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_lars_skips_parameters_without_a_gradient():
    weight, idle = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    optimizer = build_optimizer([weight, idle], Optimizer(name="lars", lr=0.1, weight_decay=0.5))
    weight.grad = torch.ones(2, 2)
    optimizer.step()
    assert (idle == 1).all()
    assert (weight < 1).all()


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lars"])
def test_parameter_without_a_gradient_in_its_first_step_is_trained_later(name):
    early, late = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
    optimizer = build_optimizer([early, late], Optimizer(name=name, lr=0.1, trust=1.0))
    for step in range(2):
        early.grad = torch.ones(2, 2)
        late.grad = torch.ones(2, 2) if step else None
        if step == 1:
            before = early.detach().clone()
        optimizer.step()
    assert (late < 1).all()
    assert (early < before).all()


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_steps_are_those_of_torch_bit_by_bit(name):
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    ours, theirs = (torch.nn.Parameter(torch.ones(5, 3)) for _ in range(2))
    recipe = Optimizer(name=name, lr=0.1, weight_decay=0.5, momentum=0.9)
    momentum = {"momentum": 0.9} if name == "sgd" else {}
    built = build_optimizer([ours], recipe)
    reference = kinds[name]([theirs], lr=0.1, weight_decay=0.5, fused=True, **momentum)
    generator = torch.Generator().manual_seed(0)
    for step in range(4):
        gradient = torch.randn(5, 3, generator=generator)
        for parameter, optimizer in ((ours, built), (theirs, reference)):
            optimizer.zero_grad()
            assert parameter.grad is None
            parameter.grad = gradient.clone()
            optimizer.step()
        assert torch.equal(ours, theirs)
        if step == 1:  # as a training that is resumed
            again = build_optimizer([ours], recipe)
            again.load_state_dict(built.state_dict())
            built = again


TRAINING = """\
import sys

import torch

from coldstart.config.recipes.optimizers import Optimizer
from coldstart.training.optim import build_optimizer

for name in ("sgd", "adam", "adamw", "lars"):
    weight = torch.nn.Parameter(torch.ones(2, 2))
    optimizer = build_optimizer([weight], Optimizer(name=name, lr=0.1))
    (weight**2).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""


def test_compiler_is_not_loaded_for_an_optimizer():
    assert subprocess.run([sys.executable, "-c", TRAINING]).returncode == 0
