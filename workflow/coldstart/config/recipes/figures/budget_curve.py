"""A metric against the number of labels."""

from collections.abc import Iterator
from typing import Literal

from coldstart.common.errors import nearest
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

Facet = Literal["sampler", "run", "pool"]


class BudgetCurve(Target):
    """A metric against the number of labels, one line per run and sampler."""

    kind: Literal["budget-curve"]
    facet: Facet | None = None
    """Panels of their own: one for each sampler, whose lines are the runs; one for each run, whose
    lines are its samplers; or one for each pool."""
    axis: Literal["labels", "per-cent"] = "labels"
    """Numbers of labels along a logarithmic axis, or the share of the pool's training images along
    a linear one; those held out for validation count as training images."""
    series: Series = "sampler"
    """Lines with a colour of their own: those of a sampler, whose styles differ by run, or of each
    sampler of each run."""
    metric: MetricName = "top-1"
    """The metric that is shown, of those that the runs measure."""
    label: int | None = None
    """The class, of a metric that has a value for each."""
    style: Literal["band", "scatter"] = "band"
    """Lines with a band over seeds, or the papers' scatter with error bars."""
    budgets: Budgets | None = None
    """Budgets that are shown; by default all."""
    levels: list[str] = []
    """Runs, among those that are shown, of which the mean with most labels is a dashed line across
    the figure: such as the accuracy with all labels. They have no curve."""
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
        against = "number of labels that were bought"
        if self.axis == "per-cent":
            against = "labels that were bought, in per cent of the training images"
        panels = "" if self.facet is None else f"One panel for each {self.facet}. "
        return (
            f"{metric} on the test images against the {against}. "
            f"{panels}{means} "
            "are means over all encoder seeds and their trials; "
            f"{spread} are one standard deviation to each side, and a single value has none. A "
            "sampler without randomness has one trial for each encoder."
            + (" Dashed lines are of runs with one number of labels." if self.levels else "")
            + (f" Hollow markers are the values of the paper ({paper})." if paper else "")
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield budgets that no run has, and a class that does not belong to the metric."""
        yield from budget_problems(self.budgets or [], runs)
        if self.levels and self.facet is not None:
            yield "levels", "are for a figure of one panel: leave out `facet`"
        for name in self.levels:
            if name not in runs:
                yield "levels", f"shows no run `{name}`{nearest(name, runs)}"
        if self.levels and not {*runs} - {*self.levels}:
            yield "levels", "are all runs that are shown: none has a curve"
        yield from metric_problems(self.metric, self.label, runs)
        if self.label is None and any(
            self.metric in shown.metrics and shown.metrics[self.metric].by_class
            for shown in runs.values()
        ):
            yield "label", f"`{self.metric}` has a value for each class: say of which"
        if self.facet == "sampler":
            yield from _line_problems(runs)


def _line_problems(runs: ShownRuns) -> Iterator[Problem]:
    """Yield samplers that two runs of the same title share: two lines would have one name."""
    seen: dict[tuple[str | None, str], str] = {}
    for name, shown in runs.items():
        for sampler in shown.samplers:
            title = shown.run.title
            other = seen.setdefault((title, sampler), name)
            if title is not None and other != name:
                what = f"`{other}` and `{name}` are both titled `{title}` and both have `{sampler}`"
                yield "runs", f"{what}: give them titles that differ"
