"""The recipe of the share of labels that are of a class."""

from typing import Literal

from coldstart.config.recipes.metrics import Metric


class Inliers(Metric):
    """Share of the images that were bought which belong to a class."""

    metric: Literal["inliers"]
