import logging
import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from coldstart.common.errors import ColdstartError
from coldstart.evaluation import logistic, newton
from coldstart.evaluation.logistic import fit_probes


def reference(features, labels, rows, classes, c):
    """scikit-learn's solution, converged tightly, in our layout."""
    coef, intercept = np.zeros((classes, features.shape[1])), np.full(classes, -np.inf)
    present = np.unique(labels[rows])
    if len(present) == 1:
        intercept[present] = 0
        return coef, intercept
    X = features[rows].astype(np.float64)
    mean = X.mean(0)
    # In the span of the rows the problem is the same, and small enough for a Hessian.
    basis = np.linalg.svd(X - mean, full_matrices=False)[2]
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the line search may stop at rounding error
        model.fit((X - mean) @ basis.T, labels[rows])
    w, b = model.coef_ @ basis, model.intercept_
    if len(present) == 2:
        w, b = np.concatenate([-w, w]) / 2, np.concatenate([-b, b]) / 2
    coef[present], intercept[present] = w, b - w @ mean
    return coef, intercept


def assert_same(fitted, features, labels, rows, classes, c):
    coef, intercept = fitted
    expected, offset = reference(features, labels, rows, classes, c)
    np.testing.assert_allclose(coef, expected, atol=1e-3 * abs(expected).max(), rtol=0)
    absent = np.isinf(offset)
    assert (intercept[absent] == -np.inf).all()
    assert (coef[absent] == 0).all()
    logits = features @ coef[~absent].T + intercept[~absent]
    truth = features @ expected[~absent].T + offset[~absent]
    span = np.ptp(truth) or 1
    np.testing.assert_allclose(logits, truth, atol=2e-3 * span, rtol=0)
    names = np.flatnonzero(~absent)
    accuracy, exact = ((names[z.argmax(1)] == labels).mean() for z in (logits, truth))
    assert abs(accuracy - exact) <= 1e-3  # 0.1 point


def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    return data.data[order].astype(np.float32), data.target[order]


def embeddings(kind, dim, n=6000, classes=10):
    """ReLU features of a noisy mixture, as a ResNet-18's are: at least 0, mean about 1."""
    rng = np.random.default_rng(1)
    labels = rng.integers(classes, size=n)
    hidden = 0.7 * rng.normal(size=(classes, 60))[labels] + 1.5 * rng.normal(size=(n, 60))
    mixing = rng.normal(size=(60, dim)) * np.geomspace(1, 0.05, 60)[:, None]
    raw = np.maximum(hidden @ mixing / 2 + 0.1 * rng.normal(size=(n, dim)) + 0.5, 0)
    raw /= raw.mean()
    if kind == "standardised":
        raw = (raw - raw.mean(0)) / raw.std(0)
    elif kind == "badly scaled":
        raw = raw * np.geomspace(0.01, 30, dim) + 100
    return raw.astype(np.float32), labels


@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_digits_equal_scikit_learn_at_every_size(c):
    features, labels = digits()
    features /= 16
    subsets = [np.arange(n) for n in (2, 5, 17, 60, 64, 65, 120, 500, 1500)]
    coef, intercept = fit_probes(features, labels, subsets, 10, c)
    for i, rows in enumerate(subsets):
        assert_same((coef[i], intercept[i]), features, labels, rows, 10, c)


@pytest.mark.parametrize("kind", ["raw", "standardised", "badly scaled"])
def test_embeddings_equal_scikit_learn(kind):
    rng = np.random.default_rng(2)
    for dim, sizes in ((512, (3, 10, 40, 70)), (64, (63, 64, 200, 600))):
        features, labels = embeddings(kind, dim)
        subsets = [rng.permutation(700)[:n] for n in sizes]
        coef, intercept = fit_probes(features, labels, subsets, 10, 1.0)
        for i, rows in enumerate(subsets):
            assert_same((coef[i], intercept[i]), features, labels, rows, 10, 1.0)


@pytest.mark.parametrize("size", [12, 300])
def test_two_classes_equal_scikit_learn(size):
    features, labels = digits()
    rows = np.flatnonzero((labels == 3) | (labels == 8))[:size]
    coef, intercept = fit_probes(features, labels, [rows], 10, 0.1)
    binary = LogisticRegression(C=0.1, tol=1e-10, max_iter=5000)
    binary.fit(features[rows].astype(np.float64), labels[rows])
    w = binary.coef_[0]
    np.testing.assert_allclose(coef[0, 8] - coef[0, 3], w, atol=1e-3 * abs(w).max())
    np.testing.assert_allclose(intercept[0, 8] - intercept[0, 3], binary.intercept_, rtol=5e-3)
    assert_same((coef[0], intercept[0]), features, labels, rows, 10, 0.1)


def test_one_class_gets_all_the_probability():
    features, labels = digits()
    subsets = [np.flatnonzero(labels == 4)[:n] for n in (1, 2, 100)]
    coef, intercept = fit_probes(features, labels, subsets, 10, 1.0)
    assert (coef == 0).all()
    assert (intercept[:, 4] == 0).all()
    assert (np.delete(intercept, 4, axis=1) == -np.inf).all()


def test_no_signal_gives_the_class_frequencies():
    features, labels = np.full((8, 5), 3.0, np.float32), np.array([0, 0, 0, 0, 0, 0, 1, 2])
    for rows in (np.array([0, 1, 6]), np.arange(8)):
        coef, intercept = fit_probes(features, labels, [rows], 3, 1.0)
        weights = np.exp((features[:1] @ coef[0].T + intercept[0])[0])
        counts = np.bincount(labels[rows], minlength=3)
        np.testing.assert_allclose(weights / weights.sum(), counts / len(rows), atol=1e-3)


def test_probe_depends_on_its_own_subset_alone(monkeypatch):
    features, labels = digits()
    rng = np.random.default_rng(3)
    subsets = [rng.permutation(1797)[:n] for n in rng.integers(1, 300, 40)]
    together = fit_probes(features / 16, labels, subsets, 10, 1.0)
    monkeypatch.setattr(logistic, "CHUNK_BYTES", 1)
    alone = fit_probes(features / 16, labels, [np.sort(rows) for rows in subsets], 10, 1.0)
    scale = abs(together[0]).max()
    np.testing.assert_allclose(together[0], alone[0], atol=2e-3 * scale)
    assert (np.isinf(together[1]) == np.isinf(alone[1])).all()


def test_nested_subsets_equal_single_fits():
    features, labels = digits()
    features /= 16
    around = np.arange(600)  # so much larger that it is solved before
    within = np.flatnonzero(labels[:300] != 4)  # lacks a class that its first guess knows
    coef, intercept = fit_probes(features, labels, [within, around], 10, 1.0)
    for i, rows in enumerate((within, around)):
        assert_same((coef[i], intercept[i]), features, labels, rows, 10, 1.0)
    assert (coef[0, 4] == 0).all()


def test_fit_starts_from_the_smallest_subset_that_contains_it():
    data = logistic._Data(torch.zeros(9, 2), torch.zeros(9))
    data.solved = [(np.arange(size), torch.full((3, 3), float(size))) for size in (9, 6, 4)]
    theta = torch.zeros(3, 3, 3)
    data.guess([np.array([5, 0]), np.array([3, 1]), np.array([0, 8])], theta)
    assert theta[:, 0, 0].tolist() == [6, 4, 9]
    data.solved = data.solved[1:]
    theta.zero_()
    data.guess([np.array([0, 8])], theta[:1])
    assert (theta == 0).all()


def test_repeated_rows_count_twice():
    features, labels = digits()
    rows = np.arange(30)
    twice = fit_probes(features, labels, [np.tile(rows, 2)], 10, 0.5)
    heavy = fit_probes(features, labels, [rows], 10, 1.0)
    np.testing.assert_allclose(twice[0], heavy[0], atol=2e-3 * abs(heavy[0]).max())


def test_fits_that_do_not_converge_are_counted(monkeypatch, caplog):
    features, labels = digits()
    monkeypatch.setattr(newton, "MAX_NEWTON_STEPS", 1)
    one_class = np.flatnonzero(labels == 4)[:3]
    with caplog.at_level(logging.WARNING, logger="coldstart"):
        fit_probes(features, labels, [np.arange(50), np.arange(400), one_class], 10, 1.0)
    assert "2 of 3 linear probes did not converge" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"c": 0.0}, "C must be positive"),
        ({"classes": 3}, "between 0 and 2"),
        ({"subsets": [np.arange(4), np.array([], int)]}, "no labelled image"),
        ({"features": np.full((20, 2), np.nan, np.float32)}, "NaN"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    arguments = {
        "features": np.ones((20, 2), np.float32),
        "labels": np.arange(20) % 10,
        "subsets": [np.arange(20)],
        "classes": 10,
        "c": 1.0,
    }
    with pytest.raises(ColdstartError, match=message):
        fit_probes(**(arguments | change))
