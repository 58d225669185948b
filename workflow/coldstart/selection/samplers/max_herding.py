"""MaxHerding: the images whose neighbourhoods, by a Gaussian kernel, cover all the others best."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.config.recipes.model import Positive
from coldstart.embeddings.distances import unit_rows
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.coverage import Gaussian, greedy


class MaxHerding(Sampler):
    """Greedy maximisation of the generalised coverage (Bae et al. 2024, Algorithm 1).

    The coverage is the mean, over all images, of the kernel's value at the nearest image that is
    labelled or picked. It is monotone and submodular, so that lazy greedy finds the picks of plain
    greedy. The kernel is ``exp(-(distance / bandwidth)^2)`` of embeddings brought to length 1, as
    in the authors' code, which draws a subset of the candidates first; here all are candidates. The
    score is what a pick adds to the coverage; it never rises.
    """

    sampler: Literal["max-herding"]
    bandwidth: Positive = 1.0
    """Distance at which the kernel has fallen to 1/e; distances are 2 at most."""

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        known = np.flatnonzero(~everything.left)
        X = unit_rows(everything.embeddings)
        picked, gains = greedy(X, known, query.budget, Gaussian(self.bandwidth), "max herding")
        return Picks(everything.ids[picked], gains / len(X))
