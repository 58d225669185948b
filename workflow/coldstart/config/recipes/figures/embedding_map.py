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


class EmbeddingMap(Target):
    """The candidates' embeddings in two dimensions, with each sampler's picks marked.

    Colours show classes or, if the data set has none, k-means clusters.
    """

    kind: Literal["embedding-map"]
    budget: Count
    perplexity: Annotated[float, Field(gt=0)] = 30.0
    reads: ClassVar = frozenset({"selections", "embeddings", "labels", "labelled"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "The candidates' embeddings, laid out in two dimensions by t-SNE (perplexity "
            f"{self.perplexity}, lower where there are few candidates) for the first encoder seed; "
            "all panels of an encoder have the same layout. Dots are candidates in the colour of "
            "their class, or of their k-means cluster where there are no classes. The outlined "
            f"ones are the {self.budget} (or as many as there are) that the sampler picked with "
            "its first seed; crosses had a label before. Of more than 5,000 candidates, an even "
            "spread of 5,000 is shown beside the picks."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield a budget that no run has."""
        yield from budget_problems([self.budget], runs)
