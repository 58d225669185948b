"""The base of the figures and tables that compare samplers, and the checks that they share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.common.errors import nearest
from coldstart.config.recipes.budgets import BudgetsByRun, of_run
from coldstart.config.recipes.targets import (
    MetricName,
    Problem,
    Series,
    ShownRuns,
    Target,
    budget_problems,
    metric_problems,
)

BlockPart = Literal["run", "encoder-seed", "trial", "budget"]
"""Property that tells the blocks of a comparison apart."""


class Compared(Target):
    """Samplers compared by a metric; of average precision, the mean over classes."""

    metric: MetricName = "top-1"
    """The metric that is shown, of those that the runs measure."""
    budgets: BudgetsByRun | None = None
    """Budgets that count, for all runs or by run; by default all."""
    series: Series = "sampler"
    """Series that are compared: samplers, or each sampler of each run, where runs share a pool."""

    ranked: ClassVar[bool] = True
    """True if a comparison needs two series or more."""

    @property
    def paired(self) -> bool:
        """True if single trials are compared, not means over trials."""
        return False

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield the reasons for which the runs cannot be compared."""
        yield from metric_problems(self.metric, None, runs)
        if isinstance(self.budgets, dict):
            yield from _budgets_by_run(self.budgets, runs)
        else:
            yield from budget_problems(self.budgets or [], runs)
        counted = self._counted(runs)
        for name in counted:
            if not counted[name] and any(counted.values()):
                yield (
                    "budgets",
                    f"are none of run `{name}`, which is shown: name runs that have some",
                )
        if self.series == "run-and-sampler":
            yield from self._series_problems(runs)
        elif self.ranked:
            yield from self._sampler_problems(runs)

    def _counted(self, runs: ShownRuns) -> dict[str, frozenset[int]]:
        """The budgets at which each run is compared."""
        found = {}
        for name, shown in runs.items():
            wanted = of_run(self.budgets, name)
            there = frozenset(shown.run.budgets)
            found[name] = there if wanted is None else there & frozenset(wanted)
        return found

    def _series_problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Check that there are two series, and that runs have equal pools, seeds and budgets."""
        shown = list(runs.values())
        if runs and self.ranked and sum(len(one.samplers) for one in shown) < 2:
            yield (
                "runs",
                "compares the samplers of runs with each other: name runs that have two or more",
            )
        # The one trial of a run stands beside each trial of another.
        trials = {one.trials for one in shown} - {1} if self.paired else set()
        for alike, parts in (
            ("runs of one pool", {one.run.pool for one in shown}),
            (
                "runs with the same `encoder_seeds`",
                {frozenset(one.run.encoder_seeds) for one in shown},
            ),
            ("`budgets` that all have", {*self._counted(runs).values()}),
            ("runs with the same `trials`", trials),
        ):
            if len(parts) > 1:
                yield "runs", f"compares runs with each other: name {alike}"
        titled = [
            f"{one.run.title} {sampler}"
            for one in shown
            for sampler in one.samplers
            if one.run.title is not None
        ]
        for name in {name for name in titled if titled.count(name) > 1}:
            yield "runs", f"two are called `{name}`: give them titles that differ"

    def _sampler_problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Check that the runs have the same samplers, two or more."""
        samplers = [{*shown.samplers} for shown in runs.values()]
        if any(some != samplers[0] for some in samplers):
            yield "runs", "compares samplers with each other: name runs that have the same"
        elif samplers and len(samplers[0]) < 2:
            yield "runs", "compares samplers with each other: name a run that has several"


class Blocked(Compared):
    """A comparison within blocks, in each of which every sampler has one value."""

    block: Annotated[list[BlockPart], Field(min_length=1)] = ["run", "encoder-seed", "budget"]
    """Properties that tell blocks apart; a sampler's value is the mean over the rest."""

    @property
    def paired(self) -> bool:
        """True if single trials are compared, not means over trials."""
        return "trial" in self.block


def block_titles(block: Sequence[BlockPart]) -> str:
    """The blocks in a caption, such as ``one for each run and number of labels``."""
    parts = [part.replace("-", " ").replace("budget", "number of labels") for part in block]
    before = f"{', '.join(parts[:-1])} and " if len(parts) > 1 else ""
    return f"one for each {before}{parts[-1]}"


def _budgets_by_run(budgets: Mapping[str, list[int]], runs: ShownRuns) -> Iterator[Problem]:
    """Check that budgets by run name the runs that are shown, and all of them."""
    for name in budgets.keys() - runs.keys():
        yield f"budgets.{name}", f"is no run that is shown{nearest(name, runs)}"
    for name, shown in runs.items():
        lacking = [budget for budget in budgets.get(name, []) if budget not in shown.run.budgets]
        if name not in budgets:
            yield "budgets", f"says nothing of run `{name}`, which is shown"
        elif lacking:
            yield f"budgets.{name}", f"the run has no budget {', '.join(map(str, lacking))}"
