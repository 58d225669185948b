"""Target networks, which follow a network that is trained as a moving average of its weights."""

import copy
import math
from typing import TypeVar

import torch
from torch import nn

from coldstart.config.recipes.encoders import Following

Network = TypeVar("Network", bound=nn.Module)


def target_of(network: Network) -> Network:
    """Copy a network: the copy has the same weights, and takes no gradient."""
    return copy.deepcopy(network).requires_grad_(False)


def target_decay(recipe: Following, done: float) -> float:
    """Return the share of the old target that a step keeps.

    With the cosine schedule it rises from the recipe's to one:
    1 - (1 - tau) (1 + cos(pi k / K)) / 2 (Grill et al. 2020, section 3.2).

    Args:
        recipe: the decay and its schedule.
        done: share of the training that lies behind, k / K.
    """
    if recipe.target_schedule == "constant":
        return recipe.target_decay
    return 1 - (1 - recipe.target_decay) * (1 + math.cos(math.pi * done)) / 2


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, decay: float) -> None:
    """Move a target's weights: ``target = decay * target + (1 - decay) * online``.

    Args:
        target: its parameters are a part of the online network's, by their names.
        online: the network that it follows.
        decay: share of the old target that is kept, in [0, 1].
    """
    # Parameters only, as published. BatchNorm's running statistics are the target's own: in
    # training it runs in training mode, so they describe its activations and not the online
    # network's, and its losses in evaluation mode make sense.
    leading = dict(online.named_parameters())
    following = dict(target.named_parameters())
    torch._foreach_lerp_(list(following.values()), [leading[name] for name in following], 1 - decay)
