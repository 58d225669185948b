"""The recipe of each class's recall."""

from typing import ClassVar, Literal

from coldstart.config.recipes.metrics import Metric


class Recall(Metric):
    """Share of each class's test images that are classified rightly: its accuracy."""

    metric: Literal["recall"]
    by_class: ClassVar[bool] = True
