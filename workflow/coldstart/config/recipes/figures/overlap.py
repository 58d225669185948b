"""The images that selections have in common."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from coldstart.config.recipes.budgets import Budgets
from coldstart.config.recipes.targets import Form, Problem, ShownRuns, Target, budget_problems


class Overlap(Target):
    """Share of the images that each pair of labelled sets has in common."""

    kind: Literal["overlap"]
    of: Literal["samplers", "cycles"] = "samplers"
    """Selections that are compared: ``samplers`` for those that need no label, including initial
    pools; ``cycles`` for the labelled sets of samplers that are queried in each cycle."""
    budgets: Budgets | None = None
    """Budgets whose labelled sets are compared, each with every other; by default all."""
    picks: Literal["all", "new"] = "all"
    """``all`` picks of a budget, or only the ``new`` ones since the budget before."""
    forms: ClassVar = frozenset({"figure", "table"})
    reads: ClassVar = frozenset({"selections", "cycles"})

    def reads_of(self, run: str) -> frozenset[str]:
        """The inputs that it reads of each run: selections, or cycles."""
        return frozenset({"selections" if self.of == "samplers" else "cycles"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        pairs = (
            "each trial with the next, since all samplers have the same random numbers in a trial"
            if self.of == "samplers"
            else "pairs of trials with the same number, which start from the same labels"
        )
        which = "labelled images" if self.picks == "all" else "images of the last purchase"
        return (
            f"The share of {which} that two selections have in common, relative to the smaller of "
            f"the two: means over encoder seeds and {pairs}. The "
            "file of numbers also has the share that two random selections are expected to have."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield budgets that no run has, and runs of several pools."""
        yield from budget_problems(self.budgets or [], runs)
        if len({shown.run.pool for shown in runs.values()}) > 1:
            yield "runs", "compares images: name runs of one pool"
