import warnings

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from coldstart.evaluation import metrics
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.metrics import average_precision, evaluate_probes, merits, top_k_accuracy


def slow_top_k(scores, labels, ks):
    classes = np.arange(scores.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # k of all classes
        return [top_k_accuracy_score(labels, scores, k=k, labels=classes) for k in ks]


def slow_average_precision(scores, labels):
    return [
        average_precision_score(labels == k, scores[:, k]) if k in labels else np.nan
        for k in range(scores.shape[1])
    ]


@st.composite
def scored(draw):
    n, classes = draw(st.integers(1, 30)), draw(st.integers(3, 6))
    # A few values only: many ties, within rows and within columns.
    values = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0])
    scores = draw(npst.arrays(np.float64, (n, classes), elements=values))
    labels = draw(npst.arrays(np.int64, n, elements=st.integers(0, classes - 1)))
    return scores, labels


@given(scored())
def test_top_k_with_ties_equals_scikit_learn(case):
    scores, labels = case
    ks = range(1, scores.shape[1] + 1)
    np.testing.assert_allclose(top_k_accuracy(scores, labels, ks), slow_top_k(scores, labels, ks))


@given(scored())
def test_average_precision_with_ties_equals_scikit_learn(case):
    scores, labels = case
    np.testing.assert_allclose(
        average_precision(scores, labels), slow_average_precision(scores, labels), atol=1e-12
    )


def test_higher_class_ranks_first_among_equal_scores():
    scores = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]])
    np.testing.assert_array_equal(top_k_accuracy(scores, np.array([2, 0])), [0.5, 0.5, 1.0])


def test_constant_score_has_the_average_precision_of_its_prevalence():
    scores = np.zeros((8, 2))
    labels = np.array([0, 1, 1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(average_precision(scores, labels), [0.25, 0.75])


def test_a_class_without_a_test_image_has_no_average_precision():
    precision = average_precision(np.eye(3), np.array([0, 2, 2]))
    table = merits(np.array([1.0]), precision, np.array([4, 5, 6]), 0).set_index("metric")
    assert table.loc["average-precision", "label"].tolist() == [0, 2]
    assert table.loc["average-precision", "value"].tolist() == pytest.approx([1, 5 / 6])
    assert table.loc["picked", "label"].tolist() == [0, 1, 2]
    assert table.loc["picked", "value"].tolist() == [4, 5, 6]


@pytest.mark.parametrize("chunk", [1, 2**28])
def test_many_probes_equal_one_at_a_time(chunk, monkeypatch):
    monkeypatch.setattr(metrics, "CHUNK_BYTES", chunk)
    data = load_digits()
    # Scaled so that no probability rounds to 1: rounding would decide such ties.
    features, labels = (data.data / 16).astype(np.float32), data.target
    # From one class up, so classes are absent.
    subsets = [np.flatnonzero(labels == 4)[:2]]
    subsets += [np.random.default_rng(n).permutation(900)[:n] for n in (2, 5, 20, 300)]
    coef, intercept = fit_probes(features, labels, subsets, 10, 1.0)
    test, truth = features[900:], labels[900:]
    top_k, precision = evaluate_probes(test, truth, coef, intercept, (1, 2, 3))
    assert top_k.shape == (5, 3)
    assert precision.shape == (5, 10)
    for i in range(len(subsets)):
        logits = test.astype(float) @ coef[i].astype(float).T + intercept[i].astype(float)
        probabilities = softmax(logits, axis=1)
        np.testing.assert_allclose(top_k[i], slow_top_k(probabilities, truth, (1, 2, 3)))
        expected = slow_average_precision(probabilities, truth)
        np.testing.assert_allclose(precision[i], expected, atol=1e-9)
        absent = np.isinf(intercept[i])
        prevalence = np.bincount(truth, minlength=10) / len(truth)
        np.testing.assert_allclose(precision[i, absent], prevalence[absent])


def test_test_images_are_ranked_by_probability_not_by_logit():
    # Class 0 has the greater logit in the first row, the greater probability in the second.
    features, labels = np.eye(2, dtype=np.float32), np.array([1, 0])
    coef = np.array([[[5.0, 1.0], [9.0, 0.0]]], dtype=np.float32)
    _, precision = evaluate_probes(features, labels, coef, np.zeros((1, 2), np.float32))
    np.testing.assert_allclose(precision, [[1.0, 1.0]])
