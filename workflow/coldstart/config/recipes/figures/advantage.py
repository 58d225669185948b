"""The advantage of runs over a baseline run."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from coldstart.common.errors import nearest
from coldstart.config.recipes.budgets import Budgets
from coldstart.config.recipes.targets import (
    Form,
    MetricName,
    Problem,
    ShownRuns,
    Target,
    budget_problems,
    metric_problems,
    metric_title,
)


class Advantage(Target):
    """Each run's metric less that of a baseline run under the same sampler, and how long it lasts.

    Each run is compared with the run titled ``baseline`` that has its pool, budgets and sampler.
    """

    kind: Literal["advantage"]
    baseline: str
    """Title of the runs that the others are compared with."""
    metric: MetricName = "top-1"
    """The metric that is shown, of those that the runs measure."""
    budgets: Budgets | None = None
    """Budgets that are shown; by default all."""
    forms: ClassVar = frozenset({"figure", "table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        metric = metric_title(self.metric)
        if form == "figure":
            return (
                f"The {metric} of each run less that of {self.baseline} under the same sampler: "
                "means over pairs of an encoder seed and trial; bands are 95 % t intervals."
            )
        return (
            f"The {metric} of each run less that of {self.baseline} under the same sampler, at the "
            "smallest and at the largest number of labels: means over pairs of an encoder seed and "
            "trial with 95 % t intervals, p of the paired t test, and p with Holm's correction for "
            "all comparisons of the table at that number of labels (those that share their models "
            "count once). ``lasts_until`` is the smallest number of labels at which the interval "
            "contains zero; it is missing where none does."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield a baseline that no run has as its title, runs without one, and ambiguous runs."""
        yield from metric_problems(self.metric, None, runs)
        yield from budget_problems(self.budgets or [], runs)
        titles = {shown.run.title or "" for shown in runs.values()}
        if self.baseline not in titles:
            yield "baseline", f"no run is titled `{self.baseline}`{nearest(self.baseline, titles)}"
            return
        seen: dict[tuple[str, str | None, str, tuple[int, ...]], str] = {}
        for name, shown in runs.items():
            for sampler in shown.samplers:
                budgets = tuple(shown.run.budgets)
                other = seen.setdefault((shown.run.pool, shown.run.title, sampler, budgets), name)
                if other != name:
                    what = f"`{other}` and `{name}` have the same pool, title, budgets and sampler"
                    yield "runs", f"{what} `{sampler}`: name one of them"
        for name, shown in runs.items():
            for sampler in shown.samplers:
                place = (shown.run.pool, self.baseline, sampler, tuple(shown.run.budgets))
                if place not in seen:
                    what = f"run `{name}` has no run titled `{self.baseline}` beside it"
                    yield "runs", f"{what}, with its pool, budgets and sampler `{sampler}`"
