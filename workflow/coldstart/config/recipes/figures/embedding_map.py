"""Embeddings in two dimensions."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.config.recipes.model import Count
from coldstart.config.recipes.targets import (
    Form,
    Problem,
    ShownRuns,
    Target,
    budget_problems,
)
from coldstart.errors import nearest


class EmbeddingMap(Target):
    """The candidates' embeddings in two dimensions, with each sampler's picks marked.

    Colours show classes or, if the data set has none, k-means clusters.
    """

    kind: Literal["embedding-map"]
    budget: Count
    embeddings_of: str | None = None
    """The run whose embeddings lay out the images of all; by default each run's own do."""
    perplexity: Annotated[float, Field(gt=0)] = 30.0
    reads: ClassVar = frozenset({"selections", "embeddings", "labels", "labelled"})

    def reads_of(self, run: str) -> frozenset[str]:
        """Inputs that it reads of a run: embeddings of the one that lays out the images alone."""
        others = self.embeddings_of not in (None, run)
        return self.reads - {"embeddings"} if others else self.reads

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
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
        if self.embeddings_of is None:
            return
        if self.embeddings_of not in runs:
            hint = nearest(self.embeddings_of, runs)
            yield "embeddings_of", f"shows no run `{self.embeddings_of}`{hint}"
        elif len({shown.run.pool for shown in runs.values()}) > 1:
            yield "embeddings_of", "lays out the images of one pool: name runs that share it"
