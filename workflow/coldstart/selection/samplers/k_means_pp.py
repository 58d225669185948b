"""k-means++ seeding: far images are likelier, but not certain as with k-centre."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.embeddings.distances import squared_to_nearest
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.clustering import k_means_plus_plus


class KMeansPlusPlus(Sampler):
    """Seeds of k-means++ (Arthur & Vassilvitskii 2007, section 2.2): one draw for each seed.

    A candidate is drawn with a probability in proportion to its squared distance to the nearest
    labelled image or earlier pick; where there is none, uniformly. The score is that distance, not
    squared; a first pick that has none carries infinity.
    """

    sampler: Literal["k-means-pp"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        mean = query.candidates.embeddings.mean(axis=0)
        X = query.candidates.embeddings - mean  # smaller norms round less
        nearest = np.full(len(X), np.inf, dtype=np.float32)
        if len(query.labelled.ids):
            nearest = squared_to_nearest(X, query.labelled.embeddings - mean)
        picked, squared = k_means_plus_plus(X, nearest, query.budget, query.rng)
        return Picks(query.candidates.ids[picked], np.sqrt(squared))
