"""Fits that stop on the loss, against scikit-learn's solution."""

import logging
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from coldstart.common.progress import Progress
from coldstart.evaluation import lbfgs, logistic
from coldstart.evaluation.logistic import fit_probes


def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.data[order].astype(np.float32) / 16, data.target[order]


def mixture(n, dim, classes):
    rng = np.random.default_rng(1)
    labels = rng.integers(classes, size=n)
    hidden = rng.normal(size=(classes, 40))[labels] + rng.normal(size=(n, 40))
    mixing = rng.normal(size=(40, dim)) * np.geomspace(1, 0.05, 40)[:, None]
    raw = np.maximum(hidden @ mixing + 0.1 * rng.normal(size=(n, dim)) + 0.5, 0)
    return ((raw - raw.mean(0)) / raw.std(0)).astype(np.float32), labels


def objective(coef, intercept, X, labels, c):
    """The objective of scikit-learn in float64; two classes share one vector, hence the half."""
    logits = X.astype(float) @ coef.T.astype(float) + intercept
    most = logits.max(1, keepdims=True)
    losses = most[:, 0] + np.log(np.exp(logits - most).sum(1)) - logits[range(len(X)), labels]
    half = 1 if np.isfinite(intercept).sum() > 2 else 2
    return c * losses.sum() + half * (coef.astype(float) ** 2).sum() / 2


def best(X, labels, classes, c):
    """The least value of the objective, at scikit-learn's solution."""
    if len(np.unique(labels)) == 1:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = LogisticRegression(C=c, tol=1e-9, max_iter=20_000).fit(X.astype(float), labels)
    coef, intercept = np.zeros((classes, X.shape[1])), np.full(classes, -np.inf)
    w, b = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        w, b = np.concatenate([-w, w]) / 2, np.concatenate([-b, b]) / 2
    coef[model.classes_], intercept[model.classes_] = w, b
    return objective(coef, intercept, X, labels, c)


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_digits_of_every_size_reach_the_least_loss(c):
    features, labels = digits()
    subsets = [np.arange(n) for n in (2, 5, 17, 60, 64, 65, 120, 500)]
    coef, intercept = fit_probes(features, labels, subsets, 10, c, 1e-4)
    for i, rows in enumerate(subsets):
        X, y = features[rows], labels[rows]
        value, least = objective(coef[i], intercept[i], X, y, c), best(X, y, 10, c)
        assert value <= least * 1.003
        absent = np.setdiff1d(np.arange(10), y)
        assert (intercept[i, absent] == -np.inf).all()
        assert (coef[i, absent] == 0).all()


@pytest.mark.parametrize(("classes", "dim", "n"), [(100, 64, 300), (100, 300, 200), (30, 200, 900)])
def test_many_classes_are_as_close_as_scikit_learn_by_default(classes, dim, n):
    features, labels = mixture(1500, dim, classes)
    subsets = [np.random.default_rng(seed).permutation(1500)[:n] for seed in range(3)]
    coef, intercept = fit_probes(features, labels, subsets, classes, 1.0, 1e-4)
    for i, rows in enumerate(subsets):
        X, y = features[rows], labels[rows]
        model = LogisticRegression().fit(X, y)
        w, b = np.zeros((classes, dim)), np.full(classes, -np.inf)
        w[model.classes_], b[model.classes_] = model.coef_, model.intercept_
        assert objective(coef[i], intercept[i], X, y, 1.0) <= objective(w, b, X, y, 1.0) * 1.001


def test_smaller_tolerance_gives_a_smaller_loss():
    features, labels = mixture(600, 50, 20)
    rows = np.arange(600)
    least = best(features, labels, 20, 1.0)
    found = [fit_probes(features, labels, [rows], 20, 1.0, t) for t in (1e-2, 1e-4, 1e-6)]
    excess = [objective(w[0], b[0], features, labels, 1.0) / least - 1 for w, b in found]
    assert excess[0] > excess[1] > excess[2]
    assert excess[2] < 2e-5


def test_badly_scaled_features_far_from_the_origin_converge():
    features, labels = mixture(400, 30, 5)
    features = (features * np.geomspace(0.01, 30, 30) + 100).astype(np.float32)
    coef, intercept = fit_probes(features, labels, [np.arange(400)], 5, 1.0, 1e-4)
    centred = features - features.mean(0)
    shift = coef[0].astype(float) @ features.mean(0, dtype=float)
    value = objective(coef[0], intercept[0] + shift, centred, labels, 1.0)
    assert value < best(centred, labels, 5, 1.0) * 1.003


def test_two_classes_equal_scikit_learn():
    features, labels = digits()
    rows = np.flatnonzero((labels == 3) | (labels == 8))[:200]
    coef, intercept = fit_probes(features, labels, [rows], 10, 0.1, 1e-6)
    binary = LogisticRegression(C=0.1, tol=1e-10, max_iter=5000).fit(features[rows], labels[rows])
    w = binary.coef_[0]
    np.testing.assert_allclose(coef[0, 8] - coef[0, 3], w, atol=1e-2 * abs(w).max())
    assert intercept[0, 8] - intercept[0, 3] == pytest.approx(binary.intercept_[0], rel=2e-2)


def test_one_class_or_no_signal_gives_class_frequencies():
    features, labels = digits()
    coef, intercept = fit_probes(features, labels, [np.flatnonzero(labels == 4)], 10, 1.0, 1e-4)
    assert (coef == 0).all()
    assert intercept[0, 4] == 0
    features, labels = np.full((8, 5), 3.0, np.float32), np.array([0, 0, 0, 0, 0, 0, 1, 2])
    coef, intercept = fit_probes(features, labels, [np.arange(8)], 3, 1.0, 1e-6)
    odds = np.exp((features[:1] @ coef[0].T + intercept[0])[0])
    np.testing.assert_allclose(odds / odds.sum(), [6 / 8, 1 / 8, 1 / 8], atol=3e-3)


def test_batch_of_fits_equals_single_fits(monkeypatch):
    features, labels = digits()
    rng = np.random.default_rng(3)
    subsets = [rng.permutation(1797)[:n] for n in rng.integers(2, 300, 30)]
    together = fit_probes(features, labels, subsets, 10, 1.0, 1e-6)
    monkeypatch.setattr(logistic, "CHUNK_BYTES", 1)
    alone = fit_probes(features, labels, subsets, 10, 1.0, 1e-6)
    np.testing.assert_allclose(together[0], alone[0], atol=0.02 * abs(together[0]).max())
    assert (np.isinf(together[1]) == np.isinf(alone[1])).all()


def test_duplicate_rows_converge():
    features, labels = digits()
    rows = np.repeat(np.arange(20), 2)
    coef, intercept = fit_probes(features, labels, [rows], 10, 1.0, 1e-4)
    value = objective(coef[0], intercept[0], features[rows], labels[rows], 1.0)
    assert value < best(features[rows], labels[rows], 10, 1.0) * 1.003


def test_fits_that_do_not_converge_are_counted(monkeypatch, caplog):
    features, labels = digits()
    monkeypatch.setattr(lbfgs, "MAX_STEPS", 2)
    with caplog.at_level(logging.WARNING, logger="coldstart"):
        fit_probes(features, labels, [np.arange(50), np.arange(400)], 10, 1.0, 1e-6)
    assert "2 of 2 linear probes did not converge" in caplog.text


@pytest.mark.parametrize("tolerance", [None, 1e-5])
def test_one_large_fit_shows_its_progress(monkeypatch, tolerance):
    shown = []

    def advance(self, steps=1, note=""):
        self.done += steps
        shown.append((self.done, note))

    monkeypatch.setattr(Progress, "advance", advance)
    features, labels = digits()
    fit_probes(features, labels, [np.arange(1500)], 10, 1.0, tolerance)
    done = [per_cent for per_cent, _ in shown]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == 100
    assert len({per_cent for per_cent in done if 10 < per_cent < 100}) >= 3
    assert shown[1][1] == "step 1"


def test_row_space_has_the_same_scalar_products():
    X = torch.from_numpy(mixture(40, 90, 4)[0])[None]
    triangle = lbfgs._row_space(X)
    torch.testing.assert_close(triangle @ triangle.mT, X @ X.mT, atol=1e-3, rtol=1e-4)
