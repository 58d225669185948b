"""Optimisers and the schedule of the learning rate."""

import math
from collections.abc import Iterable

from torch import nn, optim

from coldstart.config.encoders import Optimizer


def build_optimizer(parameters: Iterable[nn.Parameter], recipe: Optimizer) -> optim.Optimizer:
    """Build the optimiser; weight decay is on every parameter alike."""
    if recipe.name == "sgd":
        return optim.SGD(
            parameters,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            fused=True,
        )
    kind = optim.Adam if recipe.name == "adam" else optim.AdamW
    return kind(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)


def learning_rate(recipe: Optimizer, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate of a step.

    It rises linearly to ``lr``, which the last step of the warm-up has; from there it stays, or
    falls along a half cosine that would reach nought one step after the last
    (Loshchilov and Hutter 2017, equation 5, without restarts).

    Args:
        recipe: peak, schedule, and length of the warm-up.
        step: counted from nought over all epochs.
        steps_per_epoch: steps in each epoch.
        epochs: epochs in all, warm-up included.
    """
    warmup = recipe.warmup_epochs * steps_per_epoch
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    if recipe.schedule == "constant":
        return recipe.lr
    done = (step - warmup) / (epochs * steps_per_epoch - warmup)
    return recipe.lr * (1 + math.cos(math.pi * done)) / 2
