"""An illustration of queries, on points in the plane."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.config.recipes.model import Count, Positive
from coldstart.config.recipes.targets import Form, Target


class ToyQueries(Target):
    """Queries of points from two Gaussians, for logistic regression ("On initial pools", Fig. 1).

    It reads nothing of the study's runs.
    """

    kind: Literal["toy-queries"]
    points: Annotated[int, Field(ge=20, le=100_000)] = 500
    """Number of points, half of each class."""
    start: Annotated[int, Field(ge=2)] = 5
    """Points that are labelled at random before the first query."""
    labels: Count = 35
    """Labels in total; each query buys one."""
    distance: Positive = 2.5
    """Distance between the two means, in standard deviations."""
    seed: Annotated[int, Field(ge=0)] = 0
    reads: ClassVar = frozenset()

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"{self.points} points of two Gaussians; logistic regression trained on all of them, "
            "and the cross-entropy of each point under it; logistic regression trained on "
            f"{self.labels} labels, bought at random, by least confidence or by maximum entropy "
            f"after {self.start} random ones. Outlined points are labelled. With two classes, both "
            "uncertainty queries pick the point nearest to the decision boundary."
        )
