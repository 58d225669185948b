"""Greedy k-centre: always the candidate farthest from all that are labelled or picked."""

from typing import ClassVar, Literal

from coldstart.selection.base import Picks, Query, Sampler
from coldstart.selection.traversal import farthest_first


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

    def _pick(self, query: Query) -> Picks:
        start = int(query.rng.integers(len(query.candidates.ids)))
        rows, radii = farthest_first(
            query.candidates.embeddings, query.budget, query.labelled.embeddings, start
        )
        return Picks(query.candidates.ids[rows], radii)
