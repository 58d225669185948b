"""Optimisers and the schedule of the learning rate."""

import inspect
import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn, optim

from coldstart.config.recipes.optimizers import Optimizer


def build_optimizer(parameters: Iterable[nn.Parameter], recipe: Optimizer) -> optim.Optimizer:
    """Build the optimiser.

    Args:
        parameters: those that it updates.
        recipe: its settings. They say whether biases and BatchNorm's parameters (those of one
            dimension) have weight decay. Under LARS these have neither decay nor a local rate.
    """
    every = list(parameters)
    weights = [parameter for parameter in every if parameter.ndim > 1]
    others = [parameter for parameter in every if parameter.ndim <= 1]
    groups: list[dict[str, Any]]
    if recipe.name == "lars" or recipe.decayed == "weights":
        groups = [{"params": weights}, {"params": others, "weight_decay": 0.0}]
        groups = [group for group in groups if group["params"]]
    else:
        groups = [{"params": every}]
    if recipe.name == "lars":
        return Lars(groups, recipe.lr, recipe.momentum, recipe.weight_decay, recipe.trust)
    if recipe.name == "sgd":
        sgd = Sgd(
            groups,
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
            fused=True,
        )
        if recipe.momentum:
            # The fused step fails on a parameter that gets its first gradient in a later step.
            for parameter in every:
                sgd.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
        return sgd
    kind = Adam if recipe.name == "adam" else AdamW
    return kind(groups, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)


class Uncompiled(optim.Optimizer):
    """An optimiser for which torch's compiler is not loaded.

    torch imports it when an optimiser is built, only to keep it away from these methods. That takes
    about 1.8 s of a core at the start and the end of a process, more than a short training.
    """

    add_param_group = inspect.unwrap(optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(optim.Optimizer.load_state_dict)


class Sgd(Uncompiled, optim.SGD):
    """``torch.optim.SGD``."""

    step = torch.no_grad()(inspect.unwrap(optim.SGD.step))


class Adam(Uncompiled, optim.Adam):
    """``torch.optim.Adam``."""

    step = torch.no_grad()(inspect.unwrap(optim.Adam.step))


class AdamW(Uncompiled, optim.AdamW):
    """``torch.optim.AdamW``."""

    step = torch.no_grad()(inspect.unwrap(optim.AdamW.step))


class Lars(Uncompiled):
    """Layer-wise adaptive rate scaling (You et al. 2017, algorithm 1).

    A weight w with the gradient g has the local rate ``trust |w| / (|g| + decay |w|)``; its
    velocity is ``v = momentum v + lr local (g + decay w)``, and it moves by ``-v``. Where w or its
    gradient is nought, the local rate is one. Parameters of one dimension, biases and
    BatchNorm's, always have the local rate one (as in Grill et al. 2020, section 3.3).

    Args:
        groups: of parameters; a group's own ``weight_decay`` wins.
        lr: the global rate.
        momentum: share of the velocity that a step keeps.
        weight_decay: of the weights.
        trust: the paper's eta, the length of a step relative to that of the weight.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        lr: float,
        momentum: float,
        weight_decay: float,
        trust: float,
    ) -> None:
        super().__init__(
            groups,
            {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "trust": trust},
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            moved: list[Tensor] = [p for p in group["params"] if p.grad is not None]
            adapted = [p for p in moved if p.ndim > 1]
            plain = [p for p in moved if p.ndim <= 1]
            self._move(plain, group, [])
            self._move(adapted, group, _local_rates(adapted, group))

    def _move(self, parameters: list[Tensor], group: dict[str, Any], rates: list[Tensor]) -> None:
        if not parameters:
            return
        moves = torch._foreach_add(_gradients(parameters), parameters, alpha=group["weight_decay"])
        torch._foreach_mul_(moves, group["lr"])
        if rates:
            torch._foreach_mul_(moves, rates)
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["velocity"] = torch.zeros_like(parameter)
        velocities = [self.state[p]["velocity"] for p in parameters]
        torch._foreach_mul_(velocities, group["momentum"])
        torch._foreach_add_(velocities, moves)
        torch._foreach_sub_(parameters, velocities)


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _local_rates(weights: list[Tensor], group: dict[str, Any]) -> list[Tensor]:
    if not weights:
        return []
    size = torch.stack(torch._foreach_norm(weights))
    slope = torch.stack(torch._foreach_norm(_gradients(weights)))
    rate = group["trust"] * size / (slope + group["weight_decay"] * size)
    return list(torch.where((size > 0) & (slope > 0), rate, 1.0).unbind())


def learning_rate(recipe: Optimizer, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Return the learning rate of a step.

    During the warm-up it rises linearly and reaches ``lr`` in the last step. Then it is constant;
    or falls along half a cosine, which would reach 0 one step after the last (Loshchilov and Hutter
    2017, equation 5, without restarts); or is multiplied by ``factor`` at each milestone.

    Args:
        recipe: peak, schedule, and length of the warm-up.
        step: counted from 0 over all epochs.
        steps_per_epoch: steps in each epoch.
        epochs: epochs in all, warm-up included.
    """
    warmup = recipe.warmup_epochs * steps_per_epoch
    if step < warmup:
        return recipe.lr * (step + 1) / warmup
    if recipe.schedule == "constant":
        return recipe.lr
    if recipe.schedule == "step":
        passed = sum(step >= epoch * steps_per_epoch for epoch in recipe.milestones)
        return recipe.lr * recipe.factor**passed
    done = (step - warmup) / (epochs * steps_per_epoch - warmup)
    return recipe.lr * (1 + math.cos(math.pi * done)) / 2
