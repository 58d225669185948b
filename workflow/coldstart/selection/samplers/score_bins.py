"""Hard and easy images together: from each bin of the images sorted by their score."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.by_score import Statistic, over_passes


class ScoreBins(Sampler):
    """The highest scores of all bins but the last, of that the lowest ("On initial pools", 4.1).

    The images are sorted, highest score first, and cut into ``n`` bins of the same size. Of a
    budget ``B``, each of the first ``n - 1`` bins gives its ``B / n`` highest scores (hard images),
    and the last one its ``B / n`` lowest (easy images). The paper planned this with 2, 5 and 10
    bins, after Roy et al. 2018, but had no time to run it (section 5.1).

    It says nothing of numbers that do not divide. Here bins differ by one image at most, the larger
    first, and the bins give one image each by turns, so that what remains of a budget goes to the
    hardest bins and smaller budgets are prefixes. Labelled images are left out before the cut. The
    score is the candidate's own.
    """

    sampler: Literal["score-bins"]
    score: str
    """Recipe of the score, in ``workflow/recipes/scores.yaml``."""
    statistic: Statistic
    bins: Annotated[int, Field(ge=2)]

    reads: ClassVar = frozenset({"scores"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        values = over_passes(query.candidates, self.statistic)
        *hard, easy = np.array_split(np.argsort(-values, kind="stable"), self.bins)
        bins = [*hard, easy[::-1]]
        turns = np.concatenate([np.arange(len(rows)) for rows in bins])
        # A stable sort by turn keeps the order of the bins within each turn.
        picked = np.concatenate(bins)[np.argsort(turns, kind="stable")][: query.budget]
        return Picks(query.candidates.ids[picked], values[picked])
