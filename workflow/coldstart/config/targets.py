"""What a study shows: its figures and tables, and what each of them reads."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.config.model import Count, Model

Metric = Annotated[str, Field(pattern=r"^(top-[1-9]\d*|average-precision)$")]
"""A metric's name as in the table of metrics, higher is better; ``k`` is part of it."""


class Target(Model):
    """What all figures and tables have in common."""

    kind: str
    """The module of ``coldstart.figures`` that draws it."""
    title: str
    """One line above the figure and in the report."""
    runs: list[str] | None = None
    """Runs of the study that it shows; all of them where absent."""

    reads: ClassVar[frozenset[str]] = frozenset({"metrics"})
    """Of ``metrics``, ``probes``, ``selections``, ``embeddings``, ``histories``, ``images``,
    ``labels``, ``labelled`` and ``index``."""


class BudgetCurve(Target):
    """A metric against the number of labels, one series per run and sampler."""

    kind: Literal["budget-curve"]
    metric: Metric = "top-1"
    label: int | None = None
    """The class that ``average-precision`` is of."""
    style: Literal["band", "scatter"] = "band"
    """Lines with a band over seeds, or the papers' scatter with error bars."""
    budgets: list[Count] | None = None
    """The numbers of labels that are shown; all of them where absent."""
    published: str | None = None
    """A table in ``workflow/papers/`` whose values are marked beside ours."""


class PickedClasses(Target):
    """How many candidates of each class each sampler picked."""

    kind: Literal["picked-classes"]
    budget: Count


class ContactSheet(Target):
    """The first images that each sampler picked, in order."""

    kind: Literal["contact-sheet"]
    count: Count
    reads: ClassVar = frozenset({"selections", "images"})


class ImageGrid(Target):
    """The first images that one sampler picked, each with its rank and the name of its file."""

    kind: Literal["image-grid"]
    count: Count
    reads: ClassVar = frozenset({"selections", "images"})


class EmbeddingMap(Target):
    """The candidates' embeddings in two dimensions, with each sampler's picks marked.

    Colours are of classes or, where a data set has none, of k-means clusters.
    """

    kind: Literal["embedding-map"]
    budget: Count
    perplexity: Annotated[float, Field(gt=0)] = 30.0
    reads: ClassVar = frozenset({"selections", "embeddings", "labels", "labelled"})


class AverageRank(Target):
    """The samplers' ranks by a metric, averaged over budgets and seeds; 1 is best."""

    kind: Literal["average-rank"]
    metric: Metric = "top-1"
    budgets: list[Count] | None = None
    """The numbers of labels that are ranked; all of them where absent."""


class Published(Target):
    """A paper's table, its values beside ours."""

    kind: Literal["published"]
    published: str
    """The table in ``workflow/papers/``."""


class Metrics(Target):
    """Every figure of merit of the study, tidy: one row per value."""

    kind: Literal["metrics"]


class TrainingCurves(Target):
    """How each encoder's training went, epoch by epoch; runs without epochs (PCA) are left out."""

    kind: Literal["training-curves"]
    reads: ClassVar = frozenset({"histories"})


class SslQuality(Target):
    """How good each encoder is, measured with all labels: on its way, and at its end."""

    kind: Literal["ssl-quality"]
    reads: ClassVar = frozenset({"probes"})


class DataSheet(Target):
    """What a pool consists of; every pool has one, and no study needs to ask for it."""

    kind: Literal["data-sheet"]
    reads: ClassVar = frozenset({"images", "labels", "index"})


Figure = Annotated[
    BudgetCurve
    | PickedClasses
    | ContactSheet
    | ImageGrid
    | EmbeddingMap
    | AverageRank
    | TrainingCurves
    | SslQuality
    | DataSheet,
    Field(discriminator="kind"),
]
Table = Annotated[AverageRank | Published | Metrics | SslQuality, Field(discriminator="kind")]
