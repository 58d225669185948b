"""The growth of accuracy with the labels that are given."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from coldstart.config.recipes.model import Probability
from coldstart.config.recipes.targets import Form, Problem, ShownRuns, Target


class LabelGrowth(Target):
    """Accuracy by cross-validation on the labels that are given, by the number of labels."""

    kind: Literal["label-growth"]
    worth: Probability = 0.01
    """The gain in accuracy of twice as many labels below which labelling may stop."""
    reads: ClassVar = frozenset({"growth"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "The accuracy of logistic regression on the embeddings of labelled images, by "
            "five-fold cross-validation, for the first encoder seed. Each image is predicted by "
            "classifiers of the other folds' labels: of all of them, half, a quarter and so on. "
            "Error bars are 95 % Wilson intervals over images, and the interval of the last gain "
            "is Newcombe's for pairs. They do not count that another set of labels would train "
            "another classifier. The images are those that somebody chose to label, which may be "
            "easier or harder than the rest."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield runs without any labels that are given."""
        for name, shown in runs.items():
            if shown.run.labelled is None:
                yield "runs", f"run `{name}` has no labels of its own: name some under `labelled`"
