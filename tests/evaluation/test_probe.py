"""Offline quality of embeddings against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from coldstart.config.recipes.probes import Probe
from coldstart.evaluation.knn import knn_accuracy
from coldstart.evaluation.probe import probe

RECIPE = Probe(k=9, temperature=0.1, c=0.5)


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(1)
    labels = rng.integers(4, size=300)
    features = rng.normal(size=(4, 8))[labels] + rng.normal(size=(300, 8))
    features = (features * np.geomspace(0.01, 10, 8) + 3).astype(np.float32)
    features[:, 5] = 2.0  # a feature that says nothing
    return features[:200], labels[:200], features[200:], labels[200:]


def test_linear_accuracy_equals_scikit_learn_on_standardised_embeddings(embeddings):
    features, labels, test_features, test_labels = embeddings
    scaler = StandardScaler().fit(features)
    theirs = LogisticRegression(C=0.5, tol=1e-8, max_iter=5000)
    theirs.fit(scaler.transform(features), labels)
    expected = theirs.score(scaler.transform(test_features), test_labels)
    plain = LogisticRegression(C=0.5, max_iter=5000).fit(features, labels)
    assert plain.score(test_features, test_labels) != expected  # so that standardising shows
    assert probe(*embeddings, RECIPE)["linear"] == pytest.approx(expected, abs=1e-9)


def test_knn_uses_embeddings_that_are_not_standardised(embeddings):
    assert probe(*embeddings, RECIPE)["knn"] == knn_accuracy(*embeddings, 9, 0.1)


def test_spread_is_measured_on_test_embeddings(embeddings):
    features, labels, test_features, test_labels = embeddings
    values = probe(features, labels, test_features, test_labels, RECIPE)
    singular = np.linalg.svd(test_features.astype(float), compute_uv=False)
    shares = singular / singular.sum()
    assert values["effective-rank"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    unit = test_features / np.linalg.norm(test_features, axis=1, keepdims=True)
    assert values["embedding-std"] == pytest.approx(unit.std(axis=0).mean(), rel=1e-5)
