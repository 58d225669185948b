"""The sampler: declared tables, a budget and a random generator in, ordered picks out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.model import Model
from coldstart.config.recipes.registry import Registry

COLUMNS = ("embeddings", "scores", "clusters", "predictions", "votes")
"""Tables with a row for each candidate that a sampler may declare to read."""

FROM_ENCODER = frozenset({"embeddings", "scores", "clusters"})
"""Columns that an encoder gives without any label."""

FROM_LEARNER = frozenset({"predictions", "votes"})
"""Columns that there are only once some images are labelled."""

KNOWN = "known"
"""The labelled set with its classes, which a sampler may declare to read."""


@dataclass(frozen=True)
class Known:
    """The labelled set, with the classes that the oracle named.

    Attributes:
        ids: of images that belong to a class, ascending: int64 [m].
        labels: their classes, int64 [m].
    """

    ids: NDArray[np.int64]
    labels: NDArray[np.int64]


class Tables:
    """Everything that a sampler may see of images: one row per candidate, and no labels.

    A table that is asked for and is not there is a sampler's mistake: it did not declare it.

    Args:
        ids: int64 [n], the candidates' ids, each once.
        embeddings: float32 [n, dim].
        scores: of a self-supervised model or a learner, float64 [n, passes].
        clusters: that the encoder itself assigns, int64 [n].
        predictions: the probability of each class, float64 [n, classes].
        votes: likewise by each member in each pass, float64 [n, votes, classes].
        labelled: int64 [m], ids that have a label already and must not be picked; those that are
            no candidates do not matter.
    """

    def __init__(
        self,
        ids: NDArray[np.int64],
        embeddings: NDArray[np.float32] | None = None,
        scores: NDArray[np.float64] | None = None,
        clusters: NDArray[np.int64] | None = None,
        predictions: NDArray[np.float64] | None = None,
        votes: NDArray[np.float64] | None = None,
        labelled: NDArray[np.int64] | None = None,
    ) -> None:
        self.ids, self.labelled = ids, labelled
        given = (embeddings, scores, clusters, predictions, votes)
        named = zip(COLUMNS, given, strict=True)
        self.columns: dict[str, Any] = {name: one for name, one in named if one is not None}

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Embeddings, float32 [n, dim]."""
        found: NDArray[np.float32] = self._column("embeddings")
        return found

    @property
    def scores(self) -> NDArray[np.float64]:
        """Scores of a self-supervised model or a learner, float64 [n, passes]."""
        found: NDArray[np.float64] = self._column("scores")
        return found

    @property
    def clusters(self) -> NDArray[np.int64]:
        """The cluster that the encoder itself assigns, int64 [n]."""
        found: NDArray[np.int64] = self._column("clusters")
        return found

    @property
    def predictions(self) -> NDArray[np.float64]:
        """The probability of each class by the learner, its mean over all votes: [n, classes]."""
        found: NDArray[np.float64] = self._column("predictions")
        return found

    @property
    def votes(self) -> NDArray[np.float64]:
        """Probabilities by each member in each pass, float64 [n, votes, classes]."""
        found: NDArray[np.float64] = self._column("votes")
        return found

    @property
    def left(self) -> NDArray[np.bool_]:
        """Mask of the candidates without a label: bool [n]."""
        if self.labelled is None:
            return np.ones(len(self.ids), dtype=bool)
        return ~np.isin(self.ids, self.labelled)

    def rows(self, rows: NDArray[np.intp]) -> "Tables":
        """Return these rows in this order; no copy where all stay in place."""
        if np.array_equal(rows, np.arange(len(self.ids))):
            return self
        chosen = {name: values[rows] for name, values in self.columns.items()}
        return Tables(self.ids[rows], labelled=self.labelled, **chosen)

    def merged(self, other: "Tables") -> "Tables":
        """Return the rows of both, which have the same tables, in the order of their ids."""
        if not len(other.ids):
            return self
        ids = np.concatenate([self.ids, other.ids])
        both = {
            name: np.concatenate([values, other.columns[name]])
            for name, values in self.columns.items()
        }
        return Tables(ids, labelled=self.labelled, **both).rows(np.argsort(ids, kind="stable"))

    def _column(self, name: str) -> Any:
        if name not in self.columns:
            raise ColdstartError(f"a sampler asks for {name}, which are not among its `reads`")
        return self.columns[name]


@dataclass(frozen=True)
class Query:
    """A question to a sampler: which candidates are to be labelled next?

    Attributes:
        candidates: tables of those without a label, of which it picks, in the order of their ids.
        labelled: the same tables of those that have one: no rows in a cold start.
        budget: how many to pick, at most as many as there are.
        rng: the only source of randomness.
        known: classes of the labelled images, where the sampler declares to read them.
    """

    candidates: Tables
    labelled: Tables
    budget: int
    rng: np.random.Generator
    known: Known | None = None

    @property
    def everything(self) -> Tables:
        """Tables of all candidates; their ``left`` says which may be picked."""
        return self.candidates.merged(self.labelled)


@dataclass(frozen=True)
class Picks:
    """Ids in the order in which they should be labelled, and the score that put each there.

    Attributes:
        ids: int64 [budget].
        scores: float64 [budget]; what it measures is the sampler's own.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float64]


class Sampler(Model, ABC):
    """A sampler's recipe, which is the sampler itself: its fields are its settings.

    A new sampler is one module of ``coldstart.selection.samplers`` with one sub-class that names
    itself in ``sampler``, declares what it reads and implements ``_pick``; a recipe in
    ``workflow/recipes/samplers.yaml`` then makes it usable in a study, and one line in
    ``tests/selection/test_samplers.py`` puts it under the tests that all samplers share.
    """

    sampler: str
    """The sampler's name: a ``Literal`` in each sub-class."""
    learner: str | None = Field(None, exclude=True)
    """Recipe of a learner that is trained for this sampler's questions alone; the run's learner
    unless given. Asked in a cycle, that is: a cold start has no learner."""
    prediction: str = Field("plain", exclude=True)
    """Recipe of how the learner is asked, in ``workflow/recipes/predictions.yaml``."""

    reads: ClassVar[frozenset[str]]
    """Tables out of ``COLUMNS`` that the sampler needs, and ``known``. It is given just those."""
    stochastic: ClassVar[bool]
    """True if another seed gives other picks. If not, one trial stands for all."""
    nested: ClassVar[bool]
    """True if the picks for a budget begin with the picks for every smaller one."""

    @property
    def learnt(self) -> frozenset[str]:
        """Tables of those that it reads which only a learner gives."""
        # Without a recipe in scores.yaml, scores are a learner's.
        scores = frozenset[str]() if getattr(self, "score", None) else frozenset({"scores"})
        return self.reads & (FROM_LEARNER | scores | {KNOWN})

    def query(
        self,
        tables: Tables,
        budget: int,
        rng: np.random.Generator,
        known: Known | None = None,
    ) -> Picks:
        """Pick ``budget`` candidates that have no label yet.

        The rows are brought into the order of their ids first, so that the order in which a table
        happens to be stored cannot change a pick.

        Args:
            tables: of all candidates.
            budget: how many to pick.
            rng: the only source of randomness.
            known: the labelled set, where the sampler declares to read it.

        Raises:
            ColdstartError: if a table that the sampler reads is missing or not finite, or if the
                budget exceeds the candidates that are left.
        """
        order = np.argsort(tables.ids, kind="stable")
        left = tables.left[order]
        self._check(tables, int(left.sum()), budget, known)
        candidates, labelled = tables.rows(order[left]), tables.rows(order[~left])
        return self._pick(Query(candidates, labelled, budget, rng, known))

    def _check(self, tables: Tables, left: int, budget: int, known: Known | None) -> None:
        if not 1 <= budget <= left:
            raise ColdstartError(
                f"sampler `{self.sampler}`: a budget of {budget} does not fit "
                f"{left} candidates without a label"
            )
        if KNOWN in self.reads and known is None:
            raise ColdstartError(f"sampler `{self.sampler}` reads {KNOWN}, but got none")
        for name in sorted(self.reads - {KNOWN}):
            if name not in tables.columns:
                raise ColdstartError(f"sampler `{self.sampler}` reads {name}, but got none")
            values = tables.columns[name]
            if not np.isfinite([values.min(), values.max()]).all():
                raise ColdstartError(f"sampler `{self.sampler}`: {name} hold non-finite values")

    @abstractmethod
    def _pick(self, query: Query) -> Picks:
        """Answer a query: the sampler proper."""


SAMPLERS: Registry[Sampler] = Registry(Sampler, "sampler", "coldstart.selection.samplers")
