"""The candidates with the lowest, or highest, score of a learner."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.selection.base import Picks, Query, Sampler


class LearnerScore(Sampler):
    """Extreme scores first, one image independent of the next; members of an ensemble are averaged.

    VAAL picks by the lowest probability that an image is labelled (Sinha et al. 2019, algorithm 2).
    """

    sampler: Literal["learner-score"]
    order: Literal["lowest", "highest"]
    """Scores that are picked first."""

    reads: ClassVar = frozenset({"scores"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        values = query.candidates.scores.mean(axis=1)
        ranked = values if self.order == "lowest" else -values
        picked = np.argsort(ranked, kind="stable")[: query.budget]
        return Picks(query.candidates.ids[picked], values[picked])
