"""k-NN accuracy against a loop that follows its definition."""

import math

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from coldstart.evaluation import knn
from coldstart.evaluation.knn import knn_accuracy


@pytest.fixture
def embeddings():
    """Labelled and test embeddings of three overlapping classes, and their classes."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 6))
    labels = rng.integers(3, size=150)
    features = (centres[labels] + 1.2 * rng.normal(size=(150, 6))).astype(np.float32)
    return features[:100], labels[:100], features[100:], labels[100:]


def by_definition(features, labels, test_features, test_labels, k, temperature):
    """Wu et al. 2018, section 3.4, one test image and one neighbour at a time."""
    right = 0
    for asked, truth in zip(test_features.astype(float), test_labels, strict=True):
        cosines = [
            float(asked @ known / np.linalg.norm(asked) / np.linalg.norm(known))
            for known in features.astype(float)
        ]
        votes = dict.fromkeys(labels.tolist(), 0.0)
        for row in sorted(range(len(features)), key=lambda row: -cosines[row])[:k]:
            votes[int(labels[row])] += math.exp(cosines[row] / temperature)
        right += max(votes, key=votes.__getitem__) == truth
    return right / len(test_features)


@pytest.mark.parametrize("k", [1, 7, 100, 500])
@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_knn_accuracy_equals_its_definition(embeddings, k, temperature):
    expected = by_definition(*embeddings, k, temperature)
    assert 0.4 < expected < 0.95  # so that a wrong vote shows
    assert knn_accuracy(*embeddings, k, temperature) == expected


def test_knn_accuracy_equals_scikit_learn(embeddings):
    features, labels, test_features, test_labels = embeddings
    theirs = KNeighborsClassifier(
        9, metric="cosine", weights=lambda distances: np.exp((1 - distances) / 0.1)
    ).fit(features, labels)
    assert knn_accuracy(*embeddings, 9, 0.1) == theirs.score(test_features, test_labels)


def test_knn_accuracy_does_not_depend_on_chunks(embeddings, monkeypatch):
    whole = knn_accuracy(*embeddings, 9, 0.1)
    monkeypatch.setattr(knn, "CHUNK", 7)
    assert knn_accuracy(*embeddings, 9, 0.1) == whole
