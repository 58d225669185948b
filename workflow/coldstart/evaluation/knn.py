"""Classification by a vote of the nearest embeddings."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

CHUNK = 1024


def knn_accuracy(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    k: int,
    temperature: float,
) -> float:
    """Return the share of test images whose class wins the vote of their k nearest neighbours.

    The nearest neighbours have the largest cosine similarity, and a neighbour's vote weighs
    exp(cosine / temperature) (Wu et al. 2018, section 3.4).

    Args:
        features: embeddings of labelled images, [n, dim].
        labels: their classes, from 0, [n].
        test_features: [m, dim].
        test_labels: [m].
        k: number of neighbours that vote; all n if there are fewer.
        temperature: positive; the smaller it is, the more the nearest neighbour decides.
    """
    known = functional.normalize(torch.from_numpy(features), dim=1)
    asked = functional.normalize(torch.from_numpy(test_features), dim=1)
    classes = torch.from_numpy(labels)
    count = int(max(labels.max(), test_labels.max())) + 1
    right = 0
    truths = torch.from_numpy(test_labels)
    for start in range(0, len(asked), CHUNK):
        chunk, truth = asked[start : start + CHUNK], truths[start : start + CHUNK]
        cosines, nearest = (chunk @ known.T).topk(min(k, len(known)), dim=1)
        votes = torch.zeros(len(chunk), count, dtype=torch.float64)
        votes.scatter_add_(1, classes[nearest], (cosines.double() / temperature).exp())
        right += int((votes.argmax(1) == truth).sum())
    return right / len(test_labels)
