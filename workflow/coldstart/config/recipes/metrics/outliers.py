"""The recipe of the number of outliers."""

from typing import ClassVar, Literal

from coldstart.config.recipes.metrics import Metric


class Outliers(Metric):
    """Number of images that were bought and belong to no class."""

    metric: Literal["outliers"]
    ranks: ClassVar[bool] = False
