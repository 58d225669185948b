"""The candidates with the highest score of a self-supervised model."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.model import Count
from coldstart.selection.base import Picks, Query, Sampler, Tables

Statistic = Literal["mean", "var"]


class ByScore(Sampler):
    """Highest mean or variance over the passes (Ganesh & Vento, Algorithms 3 and 4).

    The variance is the population's; the published code takes its root, which orders alike.
    """

    sampler: Literal["by-score"]
    score: str
    """Recipe of the score, in ``workflow/recipes/scores.yaml``."""
    statistic: Statistic
    passes: Count | None = None
    """The first so many passes count; all that there are unless given."""

    reads: ClassVar = frozenset({"scores"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        values = over_passes(query.candidates, self.statistic, self.passes)
        picked = np.argsort(-values, kind="stable")[: query.budget]
        return Picks(query.candidates.ids[picked], values[picked])


def over_passes(
    tables: Tables, statistic: Statistic, passes: int | None = None
) -> NDArray[np.float64]:
    """Each image's mean or variance over the first passes, or over all: float64 [n].

    Raises:
        ColdstartError: there are not as many.
    """
    there = tables.scores.shape[1]
    if passes is not None and passes > there:
        raise ColdstartError(
            f"a sampler reads {passes} passes of a score that has {there}: name a score with more "
            "in samplers.yaml"
        )
    reduce = np.mean if statistic == "mean" else np.var
    values: NDArray[np.float64] = reduce(tables.scores[:, :passes], axis=1)
    return values
