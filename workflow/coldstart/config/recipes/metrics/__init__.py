"""Recipes of metrics, a module for each, which is found by its name.

The module of the same name in ``coldstart.evaluation.metrics`` computes what a recipe describes.
"""

from abc import ABC
from typing import ClassVar

from coldstart.config.recipes.model import Model
from coldstart.config.recipes.registry import Registry


class Metric(Model, ABC):
    """A value, or one for each class, that says how good a learner or its labelled set is."""

    metric: str
    """The metric's name: a ``Literal`` in each sub-class."""

    by_class: ClassVar[bool] = False
    """True if each class has a value of its own."""
    ranks: ClassVar[bool] = True
    """True if it is between 0 and 1 and higher is better, so that figures may compare by it."""


METRICS: Registry[Metric] = Registry(
    Metric, "metric", "coldstart.config.recipes.metrics", "coldstart.evaluation.metrics"
)
