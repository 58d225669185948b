"""The sampler: declared tables, a budget and a random generator in, ordered picks out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coldstart.config.model import Model
from coldstart.errors import ColdstartError
from coldstart.registry import Registry

COLUMNS = ("embeddings", "scores", "clusters", "predictions")
"""The tables that a sampler may declare to read."""


@dataclass(frozen=True)
class Tables:
    """Everything that a sampler may see: one row per candidate, and no labels.

    Attributes:
        ids: int64 [n], the candidates' ids, each once.
        embeddings: float32 [n, dim], where the sampler reads them.
        scores: float64 [n, passes], where the sampler reads them.
        clusters: int64 [n], the cluster that the encoder itself assigns, where the sampler reads
            them.
        predictions: float64 [n, classes], the probability of each class by what has learnt from
            the labels so far, where the sampler reads them.
        labelled: int64 [m], ids that have a label already and must not be picked; those that are
            no candidates do not matter.
    """

    ids: NDArray[np.int64]
    embeddings: NDArray[np.float32] | None = None
    scores: NDArray[np.float64] | None = None
    clusters: NDArray[np.int64] | None = None
    predictions: NDArray[np.float64] | None = None
    labelled: NDArray[np.int64] | None = None

    @property
    def left(self) -> NDArray[np.bool_]:
        """Mask of the candidates without a label: bool [n]."""
        if self.labelled is None:
            return np.ones(len(self.ids), dtype=bool)
        return ~np.isin(self.ids, self.labelled)

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The tables that are here, by name."""
        named = {name: getattr(self, name) for name in COLUMNS}
        return {name: values for name, values in named.items() if values is not None}

    def rows(self, rows: NDArray[np.intp]) -> "Tables":
        """The same tables with only these rows, in this order; no copy where all stay in place."""
        if np.array_equal(rows, np.arange(len(self.ids))):
            return self
        chosen = {name: values[rows] for name, values in self.columns.items()}
        return replace(self, ids=self.ids[rows], **chosen)

    def merged(self, other: "Tables") -> "Tables":
        """The rows of both, of which ``other`` has the same tables, in the order of their ids."""
        if not len(other.ids):
            return self
        ids = np.concatenate([self.ids, other.ids])
        both = {
            name: np.concatenate([values, other.columns[name]])
            for name, values in self.columns.items()
        }
        return replace(self, ids=ids, **both).rows(np.argsort(ids, kind="stable"))


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
    itself in ``sampler``, declares what it reads and implements ``_query``; a recipe in
    ``workflow/recipes/samplers.yaml`` then makes it usable in a study, and one line in
    ``tests/selection/test_samplers.py`` puts it under the tests that all samplers share.
    """

    sampler: str
    """The sampler's name: a ``Literal`` in each sub-class."""

    reads: ClassVar[frozenset[str]]
    """Columns out of ``COLUMNS`` that the sampler needs. It is given just those."""
    stochastic: ClassVar[bool]
    """True if another seed gives other picks. If not, one trial stands for all."""
    nested: ClassVar[bool]
    """True if the picks for a budget begin with the picks for every smaller one."""

    def query(self, tables: Tables, budget: int, rng: np.random.Generator) -> Picks:
        """Pick ``budget`` candidates that have no label yet.

        The rows are brought into the order of their ids first, so that the order in which a table
        happens to be stored cannot change a pick.

        Raises:
            ColdstartError: if a table that the sampler reads is missing or not finite, or if the
                budget exceeds the candidates that are left.
        """
        order = np.argsort(tables.ids, kind="stable")
        left = tables.left[order]
        self._check(tables, int(left.sum()), budget)
        return self._query(tables.rows(order[left]), tables.rows(order[~left]), budget, rng)

    def _check(self, tables: Tables, left: int, budget: int) -> None:
        if not 1 <= budget <= left:
            raise ColdstartError(
                f"sampler `{self.sampler}`: a budget of {budget} does not fit "
                f"{left} candidates without a label"
            )
        for name in sorted(self.reads):
            values = getattr(tables, name)
            if values is None:
                raise ColdstartError(f"sampler `{self.sampler}` reads {name}, but got none")
            if not np.isfinite([values.min(), values.max()]).all():
                raise ColdstartError(f"sampler `{self.sampler}`: {name} hold non-finite values")

    @abstractmethod
    def _query(
        self, tables: Tables, labelled: Tables, budget: int, rng: np.random.Generator
    ) -> Picks:
        """The sampler proper, on tables in the order of their ids.

        ``tables.merged(labelled)`` has the images of both; its ``left`` says which may be picked.

        Args:
            tables: of the candidates without a label, of which it picks.
            labelled: the same tables of those that have one: no rows in a cold start.
            budget: how many to pick, at most as many as there are.
            rng: the only source of randomness.
        """


SAMPLERS: Registry[Sampler] = Registry(Sampler, "sampler", "coldstart.selection.samplers")
