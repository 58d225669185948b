"""Recipes of backbones: the networks that turn an image into an embedding.

Each knows the size of its embedding (``dim``), about what a forward pass costs (``macs``,
``activations``), from which a job's memory and time are estimated before it is submitted, and which
images it takes (``smallest``, ``fixed``).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from coldstart.config.recipes.model import Model
from coldstart.config.recipes.registry import Registry


class Stage(NamedTuple):
    """Layers between feature maps of one size, in round numbers."""

    positions: float
    """Rows times columns of the feature maps."""
    weights: float
    """Multiply-adds at each position."""
    outputs: float
    """Numbers that the layers put out at each position."""


class Network(Model, ABC):
    """A backbone, which a module of ``coldstart.training.backbones`` builds."""

    fixed: ClassVar[bool] = False
    """True if the weights are for images of one size, so that all views must have it."""

    family: str
    """The network's name: a ``Literal`` in each sub-class."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Size of an embedding."""

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have."""
        return 1

    def macs(self, height: int, width: int, channels: int) -> float:
        """Multiply-adds of one image's forward pass: an estimate, at most twice off."""
        return sum(one.positions * one.weights for one in self._costs(height, width, channels))

    def activations(self, height: int, width: int, channels: int) -> float:
        """Numbers that all layers put out for one image: an estimate, at most twice off."""
        return sum(one.positions * one.outputs for one in self._costs(height, width, channels))

    @abstractmethod
    def _costs(self, height: int, width: int, channels: int) -> Iterator[Stage]:
        """The stages that cost the most: no exact description, which the network itself is."""


BACKBONES: Registry[Network] = Registry(
    Network, "family", "coldstart.config.recipes.backbones", "coldstart.training.backbones"
)
