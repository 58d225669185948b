"""Figures and tables of a study, and the artefacts that each of them reads."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from coldstart.config.model import Count, Model, Text
from coldstart.config.recipes.budgets import Budgets, BudgetsByRun

Metric = Annotated[str, Field(pattern=r"^(top-[1-9]\d*|average-precision)$")]
"""A metric's name as in the table of metrics, higher is better; ``k`` is part of it."""

Merit = Annotated[str, Field(pattern=r"^((rank-by-)?(top-[1-9]\d*|average-precision)|picked)$")]
"""Value that a claim compares: a metric, a sampler's average rank by it within its run (1 is best),
or the share of the labels that are of one class."""

BlockPart = Literal["run", "encoder-seed", "sampler-seed", "budget"]
"""Property that tells the blocks of a comparison apart."""


class Target(Model):
    """A figure or a table."""

    kind: str
    """The module of ``coldstart.figures`` that draws it."""
    title: Text
    """One line above the figure and in the report."""
    runs: list[str] | None = None
    """Runs of the study that it shows; all of them where absent."""

    reads: ClassVar[frozenset[str]] = frozenset({"metrics"})
    """Inputs, out of ``metrics``, ``probes``, ``selections``, ``embeddings``, ``clusters``,
    ``histories``, ``images``, ``labels``, ``labelled``, ``index`` and ``learner`` (a recipe)."""


Series = Literal["sampler", "run-and-sampler"]


class BudgetCurve(Target):
    """A metric against the number of labels, one line per run and sampler."""

    kind: Literal["budget-curve"]
    series: Series = "sampler"
    """Series with a colour of its own: a sampler, whose lines differ by run, or each sampler of
    each run."""
    metric: Metric = "top-1"
    label: int | None = None
    """The class that ``average-precision`` is of."""
    style: Literal["band", "scatter"] = "band"
    """Lines with a band over seeds, or the papers' scatter with error bars."""
    budgets: Budgets | None = None
    """The numbers of labels that are shown; all of them where absent."""
    published: str | None = None
    """A table in ``workflow/papers/`` whose values are marked beside ours."""


class PickedClasses(Target):
    """Number of candidates of each class that each sampler picked."""

    kind: Literal["picked-classes"]
    budget: Count
    series: Series = "sampler"
    """Series with a colour of its own in ``bars``."""
    style: Literal["heat-map", "bars"] = "heat-map"
    """Numbers in cells, or a histogram for each sampler with error bars."""


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


class Compared(Target):
    """Samplers held against each other by a metric, its mean over classes where it is of one."""

    metric: Metric = "top-1"
    budgets: BudgetsByRun | None = None
    """The numbers of labels that count, of every run alike or by run; all where absent."""
    series: Series = "sampler"
    """Series that are compared: samplers, or each sampler of each run, where runs share a pool."""


class Blocked(Compared):
    """A comparison within blocks, in each of which every sampler has one value."""

    block: Annotated[list[BlockPart], Field(min_length=1)] = ["run", "encoder-seed", "budget"]
    """Properties that tell blocks apart; a sampler's value is the mean over the rest."""


class AverageRank(Blocked):
    """The samplers' ranks by a metric, averaged over blocks; 1 is best."""

    kind: Literal["average-rank"]
    published: str | None = None
    """A table in ``workflow/papers/`` whose ranks stand beside ours."""


class CriticalDifference(Blocked):
    """Average ranks on a line, with bars that join the samplers which are not told apart."""

    kind: Literal["critical-difference"]
    test: Literal["wilcoxon-holm", "nemenyi"] = "wilcoxon-holm"
    """Test of a pair of samplers. Nemenyi's counts only where Friedman's test rejects."""


class Statistics(Blocked):
    """Every pair of samplers: the mean difference, its interval, p, and which is better."""

    kind: Literal["statistics"]


class Findings(Blocked):
    """Findings about the samplers, in sentences."""

    kind: Literal["findings"]


class PenaltyMatrix(Compared):
    """Number of budgets at which each sampler beats each other one, by paired t-tests."""

    kind: Literal["penalty-matrix"]


class BudgetArea(Compared):
    """Area under the curve of a metric over the number of labels, and over its logarithm."""

    kind: Literal["budget-area"]


class PairedDifferences(Compared):
    """Each sampler's metric less a baseline's, at each number of labels and on average."""

    kind: Literal["paired-differences"]
    baseline: str
    """The sampler that the others are held against."""
    block: Annotated[list[Literal["run", "encoder-seed", "sampler-seed"]], Field(min_length=1)] = [
        "run",
        "encoder-seed",
        "sampler-seed",
    ]
    """Properties that tell the blocks at one budget apart, over which the interval is taken."""


class Side(Model):
    """A sampler by one figure of merit: what a claim is of, or holds it against."""

    runs: Annotated[list[str], Field(min_length=1)]
    """The runs it is asked in; the mean over them counts."""
    sampler: str
    metric: Merit = "top-1"
    label: Annotated[int, Field(ge=0)] | None = None
    """The class that ``average-precision`` or ``picked`` is of."""


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
    """The claim in words, and where it is made."""
    ours: Side
    direction: Literal["above", "below", "alike"]
    other: Other
    """Other side of the claim. Its runs pair with those of ``ours`` in their order."""
    budgets: BudgetsByRun | None = None
    """The numbers of labels that it is about, of every run alike or by run of ``ours``; all where
    absent."""
    each: bool = False
    """The claim must hold at each budget, not only on average."""
    margin: float = 0.0
    """By how much it is above or below; a negative one lets it be as much on the other side. Under
    ``alike``, how far apart both may be."""

    @property
    def sides(self) -> list[Side]:
        """Return the side of the claim, and the other where that is a side too."""
        return [self.ours, *([self.other] if isinstance(self.other, Side) else [])]


class Claims(Target):
    """Claims, such as those of a paper, and whether they hold here."""

    kind: Literal["claims"]
    claims: Annotated[dict[str, Claim], Field(min_length=1)]


class Published(Target):
    """A paper's table, its values beside ours."""

    kind: Literal["published"]
    published: str
    """The table in ``workflow/papers/``."""


class Metrics(Target):
    """Every figure of merit of the study, tidy: one row per value."""

    kind: Literal["metrics"]


class TrainingCurves(Target):
    """Course of each encoder's training by epoch; runs without epochs (PCA) are left out."""

    kind: Literal["training-curves"]
    reads: ClassVar = frozenset({"histories"})


class SslQuality(Target):
    """Quality of each encoder with all labels, during its training and at its end."""

    kind: Literal["ssl-quality"]
    published: str | None = None
    """A table in ``workflow/papers/`` whose values stand in the table beside ours."""
    reads: ClassVar = frozenset({"probes"})


class Clusters(Target):
    """Clusters that an encoder makes of the candidates, and their match with the classes."""

    kind: Literal["clusters"]
    reads: ClassVar = frozenset({"clusters", "labels"})


class DataSheet(Target):
    """Contents of a pool; every pool has one, and no study needs to ask for it."""

    kind: Literal["data-sheet"]
    reads: ClassVar = frozenset({"images", "labels", "index"})


Figure = Annotated[
    BudgetCurve
    | PickedClasses
    | ClassExamples
    | ContactSheet
    | ImageGrid
    | EmbeddingMap
    | AverageRank
    | CriticalDifference
    | PenaltyMatrix
    | BudgetArea
    | PairedDifferences
    | TrainingCurves
    | SslQuality
    | Clusters
    | DataSheet,
    Field(discriminator="kind"),
]
Table = Annotated[
    AverageRank
    | Statistics
    | Findings
    | BudgetArea
    | PairedDifferences
    | Claims
    | Published
    | Metrics
    | SslQuality
    | Clusters,
    Field(discriminator="kind"),
]
