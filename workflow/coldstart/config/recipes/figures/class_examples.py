"""Images of one class."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.common.errors import nearest
from coldstart.config.recipes.model import Count
from coldstart.config.recipes.targets import (
    Form,
    Problem,
    ShownRuns,
    Target,
    budget_problems,
)


class ClassExamples(Target):
    """Images of one class: those that a sampler picked, or test images that were classified then.

    Classified by the run's logistic regression on the labels that the sampler picked.
    """

    kind: Literal["class-examples"]
    sampler: str
    budget: Count
    label: Annotated[int, Field(ge=0)]
    """The class."""
    show: Literal["picked", "tested"]
    count: Count = 8
    """Images in a row, at most."""
    reads: ClassVar = frozenset({"selections", "embeddings", "images", "labels", "learner"})

    @property
    def tested(self) -> bool:
        """True if it shows values that are measured on test images."""
        return self.show == "tested"

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        if self.show == "picked":
            return (
                f"Candidates of class number {self.label} among the {self.budget} that "
                f"{self.sampler} picked with the first encoder seed, in the order of the picks: a "
                f"row for each trial, at most {self.count} images. Numbers at the rows count all "
                "of the class."
            )
        return (
            f"Test images of class number {self.label} after the {self.budget} labels that "
            f"{self.sampler} picked with the first encoder seed, in the trial with the most picks "
            f"of the class: classified rightly above, wrongly below, at most {self.count} images "
            "each. The images come first whose most probable class is most probable. Below a wrong "
            "one stands the class that it was taken for."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield what is missing of one run with this sampler, class and kind of learner."""
        yield from budget_problems([self.budget], runs)
        if len(runs) != 1:
            yield "runs", "shows one run: name it"
            return
        (shown,) = runs.values()
        picked = shown.run.samplers
        if self.sampler not in picked:
            hint = nearest(self.sampler, picked)
            yield "sampler", f"its run has no sampler `{self.sampler}`{hint}"
        if shown.trained:
            yield "runs", "shows what a logistic regression on embeddings does"
        yield from shown.class_problems(self.label, "label")
