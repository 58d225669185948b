"""The candidates on which the members of an ensemble, or passes with dropout, disagree most."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from coldstart.common.progress import log
from coldstart.selection.base import Picks, Query, Sampler

Measure = Literal["bald", "variation-ratio"]


class Disagreement(Sampler):
    """Most disputed images first, one image independent of the next.

    ``bald`` is the mutual information between prediction and model (Houlsby et al. 2011; Gal et al.
    2017), ``variation-ratio`` the share of votes that are not for the class with most of them
    (Beluch et al. 2018). Few votes give many equal ratios: among these the image whose mean
    prediction has the largest entropy comes first, and among those chance decides.
    """

    sampler: Literal["disagreement"]
    measure: Measure

    reads: ClassVar = frozenset({"votes"})
    stochastic: ClassVar = False  # but where images have the same votes
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        votes = query.candidates.votes
        values = disagreement(votes, self.measure)
        entropy = entr(votes.mean(axis=1)).sum(axis=1)
        chance = query.rng.permutation(len(values))
        picked = np.lexsort((chance, -entropy, -values))[: query.budget]
        _log_ties(values, values[picked[-1]], query.budget, self.measure)
        return Picks(query.candidates.ids[picked], values[picked])


def _log_ties(values: NDArray[np.float64], last: float, budget: int, measure: Measure) -> None:
    """Log how many picks the measure left open: those at the last pick's value."""
    above, tied = int((values > last).sum()), int((values == last).sum())
    if above + tied > budget:
        log.info(
            "%d of %d picks are tied in %s with %d candidates that are not picked: the entropy of "
            "the mean prediction chose among them",
            budget - above, budget, measure, above + tied - budget,
        )  # fmt: skip


def disagreement(votes: NDArray[np.float64], measure: Measure) -> NDArray[np.float64]:
    """Disagreement about each image, 0 where all votes are the same: float64 [n].

    Args:
        votes: the probability of each class by each member in each pass, [n, votes, classes].
        measure: ``bald`` in nats, ``variation-ratio`` between 0 and 1.
    """
    if measure == "bald":
        entropy = entr(votes.mean(axis=1)).sum(axis=1)
        # Rounding can take the difference below nought, which it never is.
        values: NDArray[np.float64] = np.maximum(entropy - entr(votes).sum(axis=2).mean(axis=1), 0)
        return values
    likeliest = votes.argmax(axis=2)
    counts = (likeliest[:, :, None] == np.arange(votes.shape[2])).sum(axis=1)
    ratios: NDArray[np.float64] = 1 - counts.max(axis=1) / votes.shape[1]
    return ratios
