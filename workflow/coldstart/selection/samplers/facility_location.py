"""Facility location: the images that all others are most similar to."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.embeddings.distances import unit_rows
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.coverage import Cosine, greedy


class FacilityLocation(Sampler):
    """Greedy maximisation of the facility location function (Krause & Golovin 2014, section 1.1).

    The function is the sum, over all images, of the similarity to the nearest image that is
    labelled or picked. The similarity is ``(1 + cosine) / 2``, which is never negative, so that the
    function is monotone and submodular, and greedy picks reach ``1 - 1/e`` of the best possible.
    The score is what a pick adds to the sum; it never rises.

    Picks are those of plain greedy; of several whose gains differ by rounding alone, as do those of
    two images that are nearest to each other, the lowest id.
    """

    sampler: Literal["facility-location"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = False
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        known = np.flatnonzero(~everything.left)
        picked, gains = greedy(
            unit_rows(everything.embeddings), known, query.budget, Cosine(), "facility location"
        )
        return Picks(everything.ids[picked], gains / 2)
