"""A page to explore what samplers pick, and what their picks teach."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.config.recipes.model import Count
from coldstart.config.recipes.targets import Form, Problem, ShownRuns, Target, budget_problems


class Explorer(Target):
    """A page to explore: a map of images, each sampler's picks, right and wrong predictions."""

    kind: Literal["explorer"]
    budget: Count
    """Number of picks that are shown first, and after which test images are predicted."""
    perplexity: Annotated[float, Field(gt=0)] = 30.0
    """Perplexity of t-SNE, which lays out the map."""
    forms: ClassVar = frozenset({"table"})
    reads: ClassVar = frozenset({"selections", "embeddings", "images", "labels", "learner"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "A page that opens by itself: the embeddings of candidates and test images, laid out "
            f"in two dimensions by t-SNE (perplexity {self.perplexity}); the picks of each "
            "sampler, of its first trial with the first encoder seed, up to a budget that a "
            f"slider sets; and which test images a learner predicts rightly after {self.budget} "
            "of them. A lasso selects images, and hands out their list. Where this report stays "
            "blank, the page is larger than browsers show within another: open it by the link."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield what is missing of one run with samplers, and a learner that is fitted at once."""
        yield from budget_problems([self.budget], runs)
        if len(runs) != 1:
            yield "runs", "shows one run: name it"
        for shown in runs.values():
            if not set(shown.samplers) & set(shown.run.samplers):
                yield "runs", "shows picks of `samplers`, and its run has none"
            if shown.trained:
                yield "runs", "shows what a logistic regression on embeddings does"
