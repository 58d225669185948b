"""The recipe of the number of labels of each class."""

from typing import ClassVar, Literal

from coldstart.config.recipes.metrics import Metric


class Picked(Metric):
    """Number of labels that were bought of each class."""

    metric: Literal["picked"]
    by_class: ClassVar[bool] = True
    ranks: ClassVar[bool] = False
