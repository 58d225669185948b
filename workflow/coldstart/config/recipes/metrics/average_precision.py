"""The recipe of average precision."""

from typing import ClassVar, Literal

from coldstart.config.recipes.metrics import Metric


class AveragePrecision(Metric):
    """Average precision of each class against the rest."""

    metric: Literal["average-precision"]
    by_class: ClassVar[bool] = True
