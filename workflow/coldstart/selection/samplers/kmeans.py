"""Random labelling with every k-means cluster equally likely."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.config.recipes.model import Count
from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.samplers.clustering import k_means


class KMeans(Sampler):
    """Clusters are represented with uniform probability (Ganesh & Vento, Algorithm 2).

    A candidate of a cluster of ``n`` gets weight ``1 / (clusters * n)``, and candidates are drawn
    one after the other without replacement. The score is the candidate's weight. Labelled images
    count among the images that are clustered, so that labelling does not move the clusters, and
    not in ``n``.
    """

    sampler: Literal["kmeans"]
    clusters: Count = 10
    restarts: Count = 10
    """k-means runs from as many starts; the best one counts (scikit-learn's ``n_init``)."""

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = True

    def _pick(self, query: Query) -> Picks:
        everything = query.everything
        clusters = k_means(everything.embeddings, self.clusters, query.rng, self.restarts)
        assigned = clusters[everything.left]
        weights = 1.0 / np.bincount(assigned)[assigned]
        weights /= weights.sum()
        # Successive draws without replacement, all at once: order by exponential waiting times with
        # these rates (Efraimidis & Spirakis 2006). Smaller budgets are then prefixes.
        waits = query.rng.exponential(size=len(weights)) / weights
        picked = np.argsort(waits, kind="stable")[: query.budget]
        return Picks(query.candidates.ids[picked], weights[picked])
