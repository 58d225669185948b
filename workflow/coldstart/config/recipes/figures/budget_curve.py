"""A metric against the number of labels."""

from collections.abc import Iterator
from typing import Literal

from coldstart.config.recipes.budgets import Budgets
from coldstart.config.recipes.targets import (
    Form,
    Metric,
    Problem,
    Series,
    ShownRuns,
    Target,
    budget_problems,
    paper_table,
)


class BudgetCurve(Target):
    """A metric against the number of labels, one line per run and sampler."""

    kind: Literal["budget-curve"]
    series: Series = "sampler"
    """Lines with a colour of their own: those of a sampler, whose styles differ by run, or of each
    sampler of each run."""
    metric: Metric = "top-1"
    label: int | None = None
    """The class that ``average-precision`` is of."""
    style: Literal["band", "scatter"] = "band"
    """Lines with a band over seeds, or the papers' scatter with error bars."""
    budgets: Budgets | None = None
    """Budgets that are shown; by default all."""
    published: str | None = None
    """A table in ``workflow/papers/`` whose values are marked beside ours."""

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        metric = (
            f"Average precision of class number {self.label}"
            if self.metric == "average-precision"
            else f"{self.metric.capitalize()} accuracy"
        )
        means, spread = ("Lines", "bands") if self.style == "band" else ("Points", "error bars")
        paper = paper_table(self.published)
        return (
            f"{metric} on the test images against the number of labels that were bought. {means} "
            "are means over all encoder seeds and their trials; "
            f"{spread} are one standard deviation to each side, and a single value has none. A "
            "sampler without randomness has one trial for each encoder."
            + (f" Hollow markers are the values of the paper ({paper})." if paper else "")
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield budgets that no run has, and a class that does not belong to the metric."""
        yield from budget_problems(self.budgets or [], runs)
        if (self.metric == "average-precision") != (self.label is not None):
            yield "label", "belongs to the metric average-precision, which needs it"
            return
        for shown in runs.values():
            yield from shown.class_problems(self.label, "label")
