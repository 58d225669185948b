import numpy as np
import pytest
import torch

from coldstart.config.encoders import Optimizer
from coldstart.ssl.optim import build_optimizer, learning_rate


def test_learning_rate():
    cosine = Optimizer(name="sgd", lr=2.0, schedule="cosine", warmup_epochs=2)
    rates = [learning_rate(cosine, step, 2, 6) for step in range(12)]
    np.testing.assert_allclose(rates[:5], [0.5, 1.0, 1.5, 2.0, 2.0])
    np.testing.assert_allclose(rates[4:], 1 + np.cos(np.pi * np.arange(8) / 8))
    constant = Optimizer(name="sgd", lr=2.0, warmup_epochs=1)
    assert [learning_rate(constant, step, 2, 3) for step in range(4)] == [1.0, 2.0, 2.0, 2.0]
    only_warmup = Optimizer(name="sgd", lr=2.0, schedule="cosine", warmup_epochs=3)
    assert learning_rate(only_warmup, 3, 2, 2) == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sgd", 2 - 0.1 * (3 + 0.5 * 2)),
        ("adam", 2 - 0.1),  # the first step is lr times the sign; decay only enters the gradient
        ("adamw", 2 * (1 - 0.1 * 0.5) - 0.1),
    ],
)
def test_first_step_of_each_optimizer(name, expected):
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = build_optimizer([weight], Optimizer(name=name, lr=0.1, weight_decay=0.5))
    weight.grad = torch.tensor([3.0])
    optimizer.step()
    assert weight.item() == pytest.approx(expected, rel=1e-6)


def test_momentum_is_sgds():
    weight = torch.nn.Parameter(torch.tensor([0.0]))
    optimizer = build_optimizer([weight], Optimizer(name="sgd", lr=1.0, momentum=0.5))
    for _ in range(2):
        weight.grad = torch.tensor([1.0])
        optimizer.step()
    assert weight.item() == pytest.approx(-2.5)
