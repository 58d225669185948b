"""Embeddings in two dimensions."""

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


class EmbeddingMap(Target):
    """The candidates' embeddings in two dimensions, with each sampler's picks marked.

    Colours show classes or, if the data set has none, k-means clusters.
    """

    kind: Literal["embedding-map"]
    budget: Count
    embeddings_of: str | None = None
    """The run whose embeddings lay out the images of all; by default each run's own do."""
    asked_by: str | None = None
    """A sampler that is queried and reads embeddings: show those that the learner of the first
    cycle gives, and each queried sampler's next picks, up to ``budget``, the run's second. By
    default the encoder's, and picks without any label."""
    perplexity: Annotated[float, Field(gt=0)] = 30.0
    reads: ClassVar = frozenset({"selections", "embeddings", "labels", "labelled"})

    def reads_of(self, run: str) -> frozenset[str]:
        """Inputs that it reads of a run: embeddings of the one that lays out the images alone."""
        if self.asked_by is not None:
            return frozenset({"asked", "cycles", "labels"})
        others = self.embeddings_of not in (None, run)
        return self.reads - {"embeddings"} if others else self.reads

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        if self.asked_by is not None:
            return (
                "The learner's embeddings of the candidates after the first cycle, laid out in two "
                f"dimensions by t-SNE (perplexity {self.perplexity}, lower where there are few "
                "candidates) for the first encoder seed and trial. Dots are candidates in the "
                "colour of their class. The outlined ones are those that the sampler picked next, "
                f"up to {self.budget} labels; crosses had a label before. Of more than 5,000 "
                "candidates, an even spread of 5,000 is shown beside the picks."
            )
        alike = "all panels have" if self.embeddings_of else "all panels of an encoder have"
        return (
            "The candidates' embeddings, laid out in two dimensions by t-SNE (perplexity "
            f"{self.perplexity}, lower where there are few candidates) for the first encoder seed; "
            f"{alike} the same layout. Dots are candidates in the colour of "
            "their class, or of their k-means cluster where there are no classes. The outlined "
            f"ones are the {self.budget} (or as many as there are) that the sampler picked with "
            "its first seed; crosses had a label before. Of more than 5,000 candidates, an even "
            "spread of 5,000 is shown beside the picks."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield a budget that no run has, and a layout that does not fit all runs."""
        yield from budget_problems([self.budget], runs)
        yield from self._asked_problems(runs)
        if self.embeddings_of is None:
            return
        if self.embeddings_of not in runs:
            hint = nearest(self.embeddings_of, runs)
            yield "embeddings_of", f"shows no run `{self.embeddings_of}`{hint}"
        elif len({shown.run.pool for shown in runs.values()}) > 1:
            yield "embeddings_of", "lays out the images of one pool: name runs that share it"

    def _asked_problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield runs whose learner was not asked for embeddings, and budgets of later cycles."""
        if self.asked_by is None:
            return
        if self.embeddings_of is not None:
            yield "embeddings_of", "is an encoder's: leave out it or `asked_by`"
        for name, shown in runs.items():
            if self.asked_by not in shown.run.queried:
                hint = nearest(self.asked_by, shown.run.queried)
                yield "asked_by", f"run `{name}` queries no `{self.asked_by}`{hint}"
            elif self.budget not in shown.run.budgets[1:2]:
                yield "budget", f"is not the second of run `{name}`, whose samplers share its first"
