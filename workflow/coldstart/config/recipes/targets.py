"""The base of all kinds of figures and tables, and the values that several kinds share.

Each kind is one class in a module of ``coldstart.config.recipes.figures``, and is drawn by the
module of the same name in ``coldstart.figures``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel

from coldstart.common.errors import nearest
from coldstart.config.recipes.metrics import Metric
from coldstart.config.recipes.model import Model, Name, Text
from coldstart.config.recipes.registry import Registry
from coldstart.config.recipes.runs import Run

Form = Literal["figure", "table"]

MetricName = Name
"""The name of a metric that the runs measure."""

Series = Literal["sampler", "run-and-sampler"]
"""Lines or rows of their own: one for each sampler, or one for each sampler of each run."""

Problem = tuple[str, str]
"""One mistake: its path below the figure or table (may be empty), and a message."""


@dataclass(frozen=True)
class ShownRun:
    """A run that a figure or table shows, with the facts about its recipes that checks need.

    Attributes:
        run: the run of the study.
        dataset: name of the pool's data set.
        classes: number of its classes; None if only its files tell.
        trials: the largest number of trials that a sampler has for one encoder and budget.
        trained: True if the learner is a classifier that is trained at each budget.
        metrics: the recipes of the metrics that the run measures, by name.
        wanted: samplers that are shown; None for all.
    """

    run: Run
    dataset: str
    classes: int | None
    trials: int
    trained: bool
    metrics: Mapping[str, Metric]
    wanted: frozenset[str] | None = None

    @property
    def samplers(self) -> list[str]:
        """The run's samplers that are shown, those that are queried at each budget last."""
        return [name for name in self.everyone if self.wanted is None or name in self.wanted]

    @property
    def everyone(self) -> list[str]:
        """All samplers of the run."""
        return [*self.run.samplers, *self.run.queried]

    def class_problems(self, label: int | None, path: str) -> Iterator[Problem]:
        """Yield a problem if the run's data set is known to lack a class.

        Args:
            label: the class's number; None is always right.
            path: of the class's number, below the figure or table.
        """
        if label is not None and self.classes is not None and not 0 <= label < self.classes:
            yield path, f"`{self.dataset}` has classes 0 to {self.classes - 1}"


ShownRuns = Mapping[str, ShownRun]
"""The runs that a figure or table shows, by name."""


class Target(Model, ABC):
    """A figure or a table.

    A new kind is one sub-class in a module of ``coldstart.config.recipes.figures`` that names
    itself in ``kind``, and one module of the same name in ``coldstart.figures`` with a function
    ``draw`` (of a figure), ``tabulate`` (of a table) or both.
    """

    kind: str
    """The kind of figure or table."""
    title: Text
    """One line above the figure and in the report."""
    runs: list[str] | None = None
    """Runs of the study that it shows; by default all."""
    samplers: list[str] | None = None
    """Samplers of these runs that it shows; by default all."""

    forms: ClassVar[frozenset[Form]] = frozenset({"figure"})
    """Forms in which a study may list it: among its figures, its tables, or both."""
    reads: ClassVar[frozenset[str]] = frozenset({"metrics"})
    """Inputs, out of ``metrics``, ``probes``, ``selections`` (of samplers, and of those that cycles
    start from), ``cycles`` (the labelled set of each), ``asked`` (embeddings that a learner gave to
    a queried sampler, in the place of the encoder's), ``embeddings``, ``clusters``,
    ``histories``, ``images``, ``labels``, ``labelled``, ``index`` and ``learner`` (a recipe)."""

    @property
    def tested(self) -> bool:
        """True if it shows values that are measured on test images."""
        return "metrics" in self.reads

    def reads_of(self, run: str) -> frozenset[str]:
        """Inputs that it reads of a run: by default of each the same."""
        return self.reads

    @abstractmethod
    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText.

        Args:
            form: the one that is shown, of a kind that has both.
        """

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield what the runs of the study cannot show.

        Args:
            runs: those that it shows; a name that the study lacks is noted elsewhere.
        """
        yield from ()


class Kinds(Registry["Target"]):
    """The kinds that a study may list among its figures, or among its tables."""

    def __init__(self, form: Form) -> None:
        super().__init__(Target, "kind", "coldstart.config.recipes.figures", "coldstart.figures")
        self.form = form

    def names_of(self, member: type[BaseModel]) -> tuple[str, ...]:
        """The names that a class goes by; none if it has not this form."""
        shown = issubclass(member, Target) and self.form in member.forms
        return super().names_of(member) if shown else ()


FIGURES, TABLES = Kinds("figure"), Kinds("table")


def budget_problems(budgets: Sequence[int], runs: ShownRuns) -> Iterator[Problem]:
    """Yield the budgets that a figure or table shows and none of its runs has."""
    for budget in budgets:
        if runs and not any(budget in shown.run.budgets for shown in runs.values()):
            yield "", f"shows {budget} labels, which is not among the budgets of its runs"


def metric_problems(metric: str, label: int | None, runs: ShownRuns) -> Iterator[Problem]:
    """Yield the reasons for which runs cannot be compared by a metric, or by one of its classes.

    Args:
        metric: its name.
        label: the class that it is of, for a metric that has a value for each; None for all.
        runs: those that are shown.
    """
    for name, shown in runs.items():
        if metric not in shown.metrics:
            hint = nearest(metric, shown.metrics)
            yield "metric", f"run `{name}` does not measure `{metric}`{hint}"
        elif not shown.metrics[metric].ranks:
            yield "metric", f"`{metric}` is a number of images, by which nothing is compared"
        elif label is not None and not shown.metrics[metric].by_class:
            yield "label", f"`{metric}` has no values by class: leave it out"
        else:
            yield from shown.class_problems(label, "label")


def count_problems(count: int, runs: ShownRuns) -> Iterator[Problem]:
    """Yield a problem if a run picks fewer images than a figure shows."""
    if any(max(shown.run.budgets, default=0) < count for shown in runs.values()):
        yield "count", f"{count} picks are more than a run makes"


def metric_title(metric: str) -> str:
    """A metric in a caption, within a sentence."""
    if metric == "average-precision":
        return "mean average precision"
    return f"{metric} accuracy" if metric.startswith("top-") else metric.replace("-", " ")


def paper_table(name: str | None) -> str | None:
    """The file in the repository that holds a paper's table, if a figure or table names one."""
    return None if name is None else f"workflow/papers/{name}.csv"
