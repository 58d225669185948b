"""The candidates that lie outside of what is known of the class that they are taken for."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.config.recipes.model import Probability
from coldstart.selection.base import KNOWN, Picks, Query, Sampler
from coldstart.selection.samplers.class_mean import ClassDistances, Distance, class_distances
from coldstart.selection.weibull import Weibull, fit_tail

LEAST = 3
"""Distances that a class must have, and that its tail has at least."""


class WeibullOutliers(Sampler):
    """Most outlying first, by a Weibull distribution for each class (Mandivarapu et al. 2022).

    A class has a mean, that of its labelled images which are classified rightly, and a Weibull
    distribution, that of the largest of their distances to it. A candidate's distance to the mean
    of its likeliest class says how outlying it is. The score is log(-log(1 - p)) of the Weibull
    distribution's p, which orders as p does and has no ties where p is 1 to rounding.

    A class with fewer than three such images, or whose tail is of equal distances, is judged by
    the distances of all classes together; where these do not fit either, by the distance itself.
    For classes without a mean see ``class_distances``.
    """

    sampler: Literal["weibull"]
    distance: Distance = "cosine"
    first: Literal["most-outlying", "least-outlying"] = "most-outlying"
    """The paper's words, or what its code does with a pool of one set."""
    tail: Probability = 0.05
    """Share of the distances that make the tail, three at least."""
    tail_of: Literal["correct", "labelled"] = "correct"
    """Images that the tail is a share of: the class's that are classified rightly; or all labelled
    images, divided by the number of classes, as the code has it for a mixed pool."""

    reads: ClassVar = frozenset({"embeddings", "predictions", KNOWN})
    stochastic: ClassVar = False  # but where images are equally outlying
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        found = class_distances(query, self.distance)
        assert query.known is not None
        alike = len(query.known.ids) / query.candidates.predictions.shape[1]
        outlying, beyond = self._outlying(found, alike)
        if self.first == "least-outlying":
            order = np.lexsort((query.rng.permutation(len(outlying)), beyond, outlying))
        else:
            order = np.lexsort((query.rng.permutation(len(outlying)), -beyond, -outlying))
        picked = order[: query.budget]
        return Picks(query.candidates.ids[picked], outlying[picked])

    def _outlying(self, found: ClassDistances, alike: float) -> tuple[np.ndarray, np.ndarray]:
        """Each candidate's score, and what it is beyond the tail by, which orders equal scores.

        Args:
            found: distances of candidates and labelled images.
            alike: number of labelled images of a class, were all classes alike.
        """
        pooled = self._fit(found.labelled, alike)
        outlying, beyond = np.empty((2, len(found.candidates)))
        for one in np.unique(found.classes):
            of_class = found.classes == one
            own = self._fit(found.labelled[found.correct == one], alike) or pooled
            # A shape and a scale of 1: the score is the distance's logarithm, 1 added.
            fitted = own or Weibull(smallest=0.0, scale=1.0, shape=1.0)
            outlying[of_class] = fitted.outlying(found.candidates[of_class])
            beyond[of_class] = found.candidates[of_class] - fitted.smallest
        return outlying, beyond

    def _fit(self, distances: np.ndarray, alike: float) -> Weibull | None:
        """Fit the tail of some distances; None if they are too few, or equal."""
        if len(distances) < LEAST:
            return None
        of = len(distances) if self.tail_of == "correct" else alike
        return fit_tail(distances, min(len(distances), max(LEAST, int(self.tail * of))))
