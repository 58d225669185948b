"""A metric against the number of labels."""

from collections.abc import Iterator
from typing import Literal

from coldstart.config.recipes.budgets import Budgets
from coldstart.config.recipes.targets import (
    Form,
    MetricName,
    Problem,
    Series,
    ShownRuns,
    Target,
    budget_problems,
    metric_problems,
    metric_title,
    paper_table,
)


class BudgetCurve(Target):
    """A metric against the number of labels, one line per run and sampler."""

    kind: Literal["budget-curve"]
    series: Series = "sampler"
    """Lines with a colour of their own: those of a sampler, whose styles differ by run, or of each
    sampler of each run."""
    metric: MetricName = "top-1"
    label: int | None = None
    """The class, of a metric that has a value for each."""
    style: Literal["band", "scatter"] = "band"
    """Lines with a band over seeds, or the papers' scatter with error bars."""
    budgets: Budgets | None = None
    """Budgets that are shown; by default all."""
    published: str | None = None
    """A table in ``workflow/papers/`` whose values are marked beside ours."""

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        metric = (
            metric_title(self.metric)
            if self.label is None
            else f"{self.metric.replace('-', ' ')} of class number {self.label}"
        ).capitalize()
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
        yield from metric_problems(self.metric, self.label, runs)
        if self.label is None and any(
            self.metric in shown.metrics and shown.metrics[self.metric].by_class
            for shown in runs.values()
        ):
            yield "label", f"`{self.metric}` has a value for each class: say of which"
