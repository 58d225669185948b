"""Claims, in a form that can be checked."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from coldstart.common.errors import nearest
from coldstart.config.recipes.budgets import BudgetsByRun, of_run
from coldstart.config.recipes.model import Model, Name, Text
from coldstart.config.recipes.targets import Form, Problem, ShownRun, ShownRuns, Target

RANK_BY = "rank-by-"
Merit = Name
"""Value that a claim compares: a metric, a sampler's average rank by it within its run (1 is best,
``rank-by-top-1``), or the share of the labels that are of one class (``picked``)."""


class Side(Model):
    """One side of a claim: samplers, the runs they are evaluated in, and the value compared."""

    runs: Annotated[list[str], Field(min_length=1)]
    """Runs that the sampler is evaluated in; the mean over them counts."""
    sampler: Annotated[str | list[str], Field(min_length=1)]
    """The sampler, or several; the mean over them counts."""
    metric: Merit = "top-1"
    label: Annotated[int, Field(ge=0)] | None = None
    """The class, of a metric that has a value for each."""

    @property
    def samplers(self) -> list[str]:
        """Return the samplers, of which the mean counts."""
        return [self.sampler] if isinstance(self.sampler, str) else self.sampler

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield runs that are not shown or lack the sampler, and a class that does not fit."""
        for name in self.runs:
            if name not in runs:
                yield "runs", f"shows no run `{name}`{nearest(name, runs)}"
                continue
            there = runs[name].samplers
            for sampler in self.samplers:
                if sampler not in there:
                    hint = nearest(sampler, there)
                    yield "sampler", f"run `{name}` has no sampler `{sampler}`{hint}"
            yield from self._metric_problems(name, runs[name])

    def _metric_problems(self, name: str, shown: ShownRun) -> Iterator[Problem]:
        """Yield what keeps a run from being compared by the metric and class of this side."""
        metric = self.metric.removeprefix(RANK_BY)
        if metric not in shown.metrics:
            hint = nearest(metric, shown.metrics)
            yield "metric", f"run `{name}` does not measure `{metric}`{hint}"
            return
        recipe = shown.metrics[metric]
        if not recipe.ranks and self.metric != "picked":
            yield "metric", f"`{metric}` is a number of images, by which nothing is compared"
        elif recipe.by_class and self.label is None:
            yield "label", f"`{metric}` has a value for each class: say of which"
        elif not recipe.by_class and self.label is not None:
            yield "label", f"`{metric}` has no values by class: leave it out"


def _kind(other: Any) -> str:
    """Name the member of ``Other`` that a value is meant to be."""
    if isinstance(other, str):
        return "best"
    return "side" if isinstance(other, dict | Side) else "constant"


Other = Annotated[
    Annotated[Side, Tag("side")]
    | Annotated[float, Tag("constant")]
    | Annotated[Literal["best-other"], Tag("best")],
    Discriminator(_kind),
]
"""A side, a number, or the best by the same metric of all other samplers of the same runs."""


class Claim(Model):
    """A claim about a sampler, in a form that can be checked."""

    says: Text
    """The claim in words, with its source."""
    ours: Side
    direction: Literal["above", "below", "alike"]
    other: Other
    """Other side of the claim. Its runs pair with those of ``ours`` in their order."""
    budgets: BudgetsByRun | Literal["first", "last"] | None = None
    """Budgets that the claim is about, for all runs or by run of ``ours``, or each run's smallest
    or largest; by default all."""
    each: bool = False
    """The claim must hold at each budget, not only on average."""
    margin: float = 0.0
    """Least distance from the other side; a negative one allows as much on the wrong side. Under
    ``alike``, the largest distance."""

    @property
    def sides(self) -> list[Side]:
        """Return the side of the claim, and the other where that is a side too."""
        return [self.ours, *([self.other] if isinstance(self.other, Side) else [])]

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield the reasons for which the runs that are shown cannot answer the claim."""
        sides = dict(zip(("ours", "other"), self.sides, strict=False))
        found = [
            (f"{key}.{path}", message)
            for key, side in sides.items()
            for path, message in side.problems(runs)
        ]
        yield from found
        if self.direction == "alike" and self.margin <= 0:
            yield "margin", "`alike` needs one above nought: how far apart"
        if not found:
            yield from self._other_problems(runs)
            yield from self._budget_problems(runs)
            if isinstance(self.other, Side):
                yield from self._pair_problems(self.other, runs)
        for key, side in sides.items():
            for name in side.runs:
                if name in runs:
                    yield from runs[name].class_problems(side.label, f"{key}.label")

    def _other_problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Check that there are samplers to rank among, the same ones in all runs of ``ours``."""
        if self.other != "best-other" and not self.ours.metric.startswith("rank-by-"):
            return
        if len(self.ours.samplers) > 1:
            yield "ours.sampler", "names several, of which none is ranked or left out: name one"
            return
        samplers = [{*runs[name].samplers} for name in self.ours.runs]
        if len(samplers[0]) < 2:
            yield "ours.runs", "has no other sampler: name a run that has several"
        elif any(some != samplers[0] for some in samplers):
            yield "ours.runs", "have different samplers: name runs with the same"

    def _budget_problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Check that each run of ``ours``, and the one that it pairs with, has the budgets."""
        if isinstance(self.budgets, dict) and {*self.budgets} != {*self.ours.runs}:
            named, ours = _listed(self.budgets), _listed(self.ours.runs)
            yield "budgets", f"names {named}, but the runs of `ours` are {ours}"
            return
        others = self.other.runs if isinstance(self.other, Side) else self.ours.runs
        for name, beside in zip(self.ours.runs, others, strict=False):
            if isinstance(self.budgets, str):
                continue
            budgets = of_run(self.budgets, name)
            if budgets is None and runs[name].run.budgets != runs[beside].run.budgets:
                yield "budgets", f"is missing, and runs `{name}` and `{beside}` have different ones"
            for run in dict.fromkeys((name, beside)):
                there = runs[run].run.budgets
                lacking = [str(budget) for budget in budgets or [] if budget not in there]
                if lacking:
                    yield "budgets", f"run `{run}` has no budget {', '.join(lacking)}"

    def _pair_problems(self, other: Side, runs: ShownRuns) -> Iterator[Problem]:
        """Check that each trial of a run pairs with one of the other run."""
        if other == self.ours:
            yield "other", "is the same as `ours`"
        if other.metric != self.ours.metric:
            yield "other.metric", f"is not that of `ours`, `{self.ours.metric}`"
        if len(other.runs) != len(self.ours.runs):
            yield "other.runs", "are not as many as those of `ours`"
            return
        for name, beside in zip(self.ours.runs, other.runs, strict=True):
            first, second = runs[name].run, runs[beside].run
            if first.trials != second.trials:
                yield (
                    "other.runs",
                    f"run `{beside}` has another number of `trials` than `{name}`",
                )
            several = len(first.encoder_seeds) > 1 and len(second.encoder_seeds) > 1
            if several and {*first.encoder_seeds} != {*second.encoder_seeds}:
                yield "other.runs", f"run `{beside}` has other `encoder_seeds` than `{name}`"


class Claims(Target):
    """Claims, such as those of a paper, and whether they hold here."""

    kind: Literal["claims"]
    claims: Annotated[dict[str, Claim], Field(min_length=1)]
    forms: ClassVar = frozenset({"table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "Claims about samplers, and whether they hold here. ``holds`` is ``yes`` or ``no`` if "
            "the 95 % interval of the difference (ours less other, by Student's t over blocks) "
            "lies on one side of the claimed margin, and ``undecided`` otherwise. A block is one "
            "encoder seed and trial of a run; where there are fewer than three, a number of "
            "labels, and the interval is then too narrow, because these share their encoders. A "
            "claim about each number of labels has an interval at each (with Bonferroni's "
            "correction), and its row is of the one at which it holds least (``at``)."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield the problems of each claim."""
        for name, claim in self.claims.items():
            for path, message in claim.problems(runs):
                yield f"claims.{name}.{path}", message


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
