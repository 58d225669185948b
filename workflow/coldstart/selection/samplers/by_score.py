"""The candidates with the highest score of a self-supervised model."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.selection.base import Picks, Sampler, Tables


class ByScore(Sampler):
    """Highest mean or variance over the passes (Ganesh & Vento, Algorithms 3 and 4).

    The variance is the population's; the published code takes its root, which orders alike.
    """

    sampler: Literal["by-score"]
    score: str
    """Recipe of the score, in ``workflow/recipes/scores.yaml``."""
    statistic: Literal["mean", "var"]

    reads: ClassVar = frozenset({"scores"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _query(
        self, tables: Tables, labelled: Tables, budget: int, rng: np.random.Generator
    ) -> Picks:
        assert tables.scores is not None
        reduce = np.mean if self.statistic == "mean" else np.var
        values = reduce(tables.scores, axis=1)
        picked = np.argsort(-values, kind="stable")[:budget]
        return Picks(tables.ids[picked], values[picked])
