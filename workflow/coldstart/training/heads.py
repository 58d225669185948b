"""Heads: the perceptrons that stand between a backbone and a loss."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.encoders import Head


def build_head(inputs: int, recipe: Head) -> nn.Sequential:
    """Build linear layers with BatchNorm (if the recipe says so) and activations between them.

    Args:
        inputs: width of the input [N, inputs].
        recipe: width of each layer, and what follows it.
    """
    layers: list[nn.Module] = []
    for i, (below, width) in enumerate(pairwise([inputs, *recipe.widths]), start=1):
        layers.append(nn.Linear(below, width))
        if i == len(recipe.widths) and not recipe.activate_last:
            break
        if recipe.batchnorm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.GELU() if recipe.activation == "gelu" else nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Unit(nn.Module):
    """Scale vectors to length one: [N, D] to [N, D]."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Map [N, D] to the same shape."""
        return functional.normalize(vectors, dim=1)


class UnitLinear(nn.Module):
    """Products with unit vectors: weight normalisation with a gain of one, and no bias.

    See Salimans and Kingma 2016. The length of a row affects only how fast its direction moves.

    Attributes:
        frozen: True if the weights get no gradient, so that no optimiser moves them.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)
        self.register_parameter("bias", None)
        self.frozen = False

    def forward(self, vectors: Tensor) -> Tensor:
        """Map [N, inputs] to [N, outputs]."""
        weight = self.weight.detach() if self.frozen else self.weight
        return functional.linear(vectors, functional.normalize(weight, dim=1))
