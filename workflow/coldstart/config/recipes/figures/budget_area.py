"""The area under a curve of labels."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from coldstart.config.recipes.comparisons import Compared
from coldstart.config.recipes.targets import (
    Form,
    Problem,
    ShownRuns,
    metric_title,
)


class BudgetArea(Compared):
    """Area under the curve of a metric over the number of labels, and over its logarithm."""

    kind: Literal["budget-area"]
    forms: ClassVar = frozenset({"figure", "table"})
    ranked: ClassVar = False

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"The area under the curve of {metric_title(self.metric)} for each trial, by trapezia, "
            "divided by the span of the axis, so that it is a mean of the metric: over the number "
            "of labels, where the large numbers weigh most, and over its logarithm, where each "
            "doubling weighs alike. Intervals are 95 % intervals by Student's t over encoder "
            "seeds and their trials, from three values on."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield the reasons for which the runs cannot be compared, and a single budget."""
        yield from super().problems(runs)
        if any(len(budgets) < 2 for budgets in self._counted(runs).values()):
            yield "runs", "an area needs runs with two budgets or more"
