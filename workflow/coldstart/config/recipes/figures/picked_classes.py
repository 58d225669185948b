"""The classes of the picks."""

from collections.abc import Iterator
from typing import Literal

from coldstart.config.recipes.model import Count
from coldstart.config.recipes.targets import (
    Form,
    Problem,
    Series,
    ShownRuns,
    Target,
    budget_problems,
)


class PickedClasses(Target):
    """Number of candidates of each class that each sampler picked."""

    kind: Literal["picked-classes"]
    budget: Count
    series: Series = "sampler"
    """Series with a colour of its own in ``bars``."""
    style: Literal["heat-map", "bars"] = "heat-map"
    """Numbers in cells, or a histogram for each sampler with error bars."""

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"Candidates of each class among the first {self.budget} that each sampler picked: "
            "means over all encoder seeds and trials. The spread is in the file of numbers."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield a budget that no run has."""
        yield from budget_problems([self.budget], runs)
