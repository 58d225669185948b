"""Uniformly random labelling, the baseline of every study."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.selection.base import Picks, Query, Sampler


class Random(Sampler):
    """Every candidate is as likely as every other (Ganesh & Vento, Algorithm 1)."""

    sampler: Literal["random"]

    reads: ClassVar = frozenset[str]()
    stochastic: ClassVar = True
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        # The score is the uniform draw that orders the candidates: one draw per candidate,
        # whatever the budget, is what makes smaller budgets prefixes of larger ones.
        draws = query.rng.random(len(query.candidates.ids))
        picked = np.argsort(-draws, kind="stable")[: query.budget]
        return Picks(query.candidates.ids[picked], draws[picked])
