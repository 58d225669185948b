"""The order in which to label: the sampler's picks, and after them everything else."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coldstart.embeddings.clusters import cluster
from coldstart.embeddings.distances import squared_to_nearest

DISTANCE, LABELLED = "distance", "labelled"
"""Reasons of images that no sampler picked: ranked by distance, or not, with a label already."""


def rank_all(
    ids: NDArray[np.int64],
    embeddings: NDArray[np.float32],
    picks: pd.DataFrame,
    labelled: NDArray[np.int64],
    sampler: str,
) -> pd.DataFrame:
    """Rank every image: the picks in their order, the rest, and last those that have a label.

    The rest is in the order of the distance to the nearest image that is picked or has a label,
    the farthest first. All distances are to these m images, at a cost of O(n m) for n images;
    if each ranked image counted for those after it, as in k-centre greedy, it would be O(n^2).

    Args:
        ids: int64 [n], each once.
        embeddings: float32 [n, dim].
        picks: ``id`` and the sampler's ``score``, in order.
        labelled: ids that have a label; ids that are not among ``ids`` are ignored.
        sampler: its name.

    Returns:
        ``id``; ``rank``, from 1, missing where an image has a label; ``score``, the sampler's own
        or the distance; ``by``, the sampler, ``distance`` or ``labelled``; and ``cluster``, from 1.
    """
    picked = picks["id"].to_numpy()
    X = embeddings - embeddings.mean(axis=0)  # smaller norms round less
    known = np.isin(ids, labelled)
    chosen = np.isin(ids, picked)
    rest = np.flatnonzero(~known & ~chosen)
    distances = np.sqrt(squared_to_nearest(X[rest], X[known | chosen]))
    order = np.argsort(-distances, kind="stable")
    frames = [
        pd.DataFrame({"id": picked, "score": picks["score"].to_numpy(), "by": sampler}),
        pd.DataFrame({"id": ids[rest][order], "score": distances[order], "by": DISTANCE}),
        pd.DataFrame({"id": ids[known], "score": np.nan, "by": LABELLED}),
    ]
    ranked = pd.concat([frame for frame in frames if len(frame)], ignore_index=True)
    ranks = pd.Series(np.arange(1, len(ranked) + 1), dtype="Int64")
    ranked.insert(1, "rank", ranks.mask(ranked["by"] == LABELLED))
    clusters = pd.Series(cluster(embeddings), index=ids)
    return ranked.assign(cluster=clusters.loc[ranked["id"]].to_numpy())
