"""Random labelling with every k-means cluster equally likely."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from coldstart.config.model import Count
from coldstart.selection.base import Picks, Sampler, Tables


class KMeans(Sampler):
    """Clusters are represented with uniform probability (Ganesh & Vento, Algorithm 2).

    A candidate of a cluster of ``n`` gets weight ``1 / (clusters * n)``, and candidates are drawn
    one after the other without replacement. The score is the candidate's weight. Labelled images
    count among the images that are clustered, and not in ``n``.
    """

    sampler: Literal["kmeans"]
    clusters: Count = 10
    restarts: Count = 10
    """k-means runs from as many starts; the best one counts (scikit-learn's ``n_init``)."""

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = True

    def _query(
        self, tables: Tables, labelled: Tables, budget: int, rng: np.random.Generator
    ) -> Picks:
        assigned = self._assigned(tables, labelled, rng)
        weights = 1.0 / np.bincount(assigned)[assigned]
        weights /= weights.sum()
        # Successive draws without replacement, all at once: order by exponential waiting times with
        # these rates (Efraimidis & Spirakis 2006). Smaller budgets are then prefixes.
        waits = rng.exponential(size=len(weights)) / weights
        picked = np.argsort(waits, kind="stable")[:budget]
        return Picks(tables.ids[picked], weights[picked])

    def _assigned(
        self, tables: Tables, labelled: Tables, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Cluster of each candidate without a label, int64 [n].

        Clusters are of all images in the order of their ids, so that labelling does not move them.
        """
        assert tables.embeddings is not None
        assert labelled.embeddings is not None
        order = np.argsort(np.concatenate([tables.ids, labelled.ids]))
        found = np.empty(len(order), dtype=np.int64)
        everything = np.concatenate([tables.embeddings, labelled.embeddings])[order]
        found[order] = self._clusters(everything, rng)
        return found[: len(tables.ids)]

    def _clusters(
        self, embeddings: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Cluster of each row: int64 [n], numbered from 0 without gaps."""
        import sklearn.cluster

        seed = int(rng.integers(2**31))
        clusters = min(self.clusters, len(np.unique(embeddings, axis=0)))
        model = sklearn.cluster.KMeans(clusters, n_init=self.restarts, random_state=seed)
        assigned: NDArray[np.int64] = np.unique(model.fit_predict(embeddings), return_inverse=True)[
            1
        ]
        return assigned
