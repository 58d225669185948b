"""Greedy k-centre: always the candidate farthest from all that are labelled or picked."""

from typing import ClassVar, Literal

import numpy as np

from coldstart.embeddings.distances import squared_to_nearest
from coldstart.selection.base import Picks, Sampler, Tables


class KCentre(Sampler):
    """Farthest-first traversal of the embeddings (Sener & Savarese 2018, Algorithm 1).

    This is the greedy 2-approximation, not the mixed-integer program that the same paper adds.
    The labelled images are its first centres; where there are none, it starts from one random
    candidate. The score is the distance to the nearest labelled image or earlier pick, which never
    rises; a first pick that has none carries infinity.
    """

    sampler: Literal["k-centre"]

    reads: ClassVar = frozenset({"embeddings"})
    stochastic: ClassVar = True
    nested: ClassVar = True

    def _query(
        self, tables: Tables, labelled: Tables, budget: int, rng: np.random.Generator
    ) -> Picks:
        assert tables.embeddings is not None
        assert labelled.embeddings is not None
        mean = tables.embeddings.mean(axis=0)
        X = tables.embeddings - mean  # smaller norms round less
        norms = np.einsum("nd,nd->n", X, X)
        if len(labelled.ids):
            nearest = squared_to_nearest(X, labelled.embeddings - mean)
            farthest = int(np.argmax(nearest))
        else:
            nearest = np.full(len(X), np.inf, dtype=np.float32)
            farthest = int(rng.integers(len(X)))
        picked = np.empty(budget, dtype=np.intp)
        radii = np.empty(budget)
        for turn in range(budget):
            picked[turn], radii[turn] = farthest, nearest[farthest]
            # ||x - c||^2 expanded: one matrix-vector product a pick is all the work there is.
            np.minimum(nearest, norms + norms[farthest] - 2 * (X @ X[farthest]), out=nearest)
            nearest[farthest] = -1.0  # below every distance, so that it is not picked again
            farthest = int(np.argmax(nearest))
        return Picks(tables.ids[picked], np.sqrt(np.maximum(radii, 0.0)))
