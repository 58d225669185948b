import warnings

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.metrics import METRICS as FOUND
from coldstart.data.unclassed import OUTLIER
from coldstart.evaluation import measure as module
from coldstart.evaluation.judged import Judged
from coldstart.evaluation.logistic import fit_probes
from coldstart.evaluation.measure import measure, measure_probes, metrics_of
from coldstart.evaluation.metrics.average_precision import average_precision
from coldstart.evaluation.metrics.top_k import top_k_accuracy
from tests.helpers.measured import DESCRIBED, METRICS


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
    found = [top_k_accuracy(scores, labels, k) for k in ks]
    np.testing.assert_allclose(found, slow_top_k(scores, labels, ks))


@given(scored())
def test_average_precision_with_ties_equals_scikit_learn(case):
    scores, labels = case
    np.testing.assert_allclose(
        average_precision(scores, labels), slow_average_precision(scores, labels), atol=1e-12
    )


def test_higher_class_ranks_first_among_equal_scores():
    scores, labels = np.full((2, 3), 0.5), np.array([2, 0])
    assert [top_k_accuracy(scores, labels, k) for k in (1, 2, 3)] == [0.5, 0.5, 1.0]


def test_constant_score_has_the_average_precision_of_its_prevalence():
    scores = np.zeros((8, 2))
    labels = np.array([0, 1, 1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(average_precision(scores, labels), [0.25, 0.75])


def test_metrics_of_a_learner_are_tabulated_in_the_order_of_the_recipe():
    """Class 1 has no test image, so no average precision; class 2 was never picked."""
    judged = Judged(np.eye(3), np.array([0, 2, 2]), np.array([0, 1, 1, OUTLIER]))
    table = measure(judged, METRICS)
    assert table["metric"].drop_duplicates().tolist() == list(DESCRIBED)
    found = dict(list(table.groupby("metric")))
    assert found["top-1"]["value"].tolist() == pytest.approx([2 / 3])
    assert found["top-1"]["label"].isna().all()
    assert found["average-precision"]["label"].tolist() == [0, 2]
    assert found["average-precision"]["value"].tolist() == pytest.approx([1, 5 / 6])
    assert found["picked"]["label"].tolist() == [0, 1, 2]
    assert found["picked"]["value"].tolist() == [1, 2, 0]
    assert found["outliers"]["value"].tolist() == [1]


def test_recall_is_the_accuracy_within_each_class_that_has_test_images():
    likeliest = np.eye(4)[[0, 1, 0, 2, 1]]
    judged = Judged(likeliest, np.array([0, 0, 0, 2, 1]), np.array([0]))
    table = measure(judged, metrics_of({"recall": {"metric": "recall"}}))
    assert table["label"].tolist() == [0, 1, 2]  # no test image is of class 3
    assert table["value"].tolist() == pytest.approx([2 / 3, 1, 1])


def test_inliers_are_the_share_of_labels_that_are_of_a_class():
    judged = Judged(np.eye(3), np.array([0, 1, 2]), np.array([0, 1, OUTLIER, 1, OUTLIER]))
    table = measure(judged, metrics_of({"inliers": {"metric": "inliers"}}))
    assert table["value"].tolist() == [0.6]


def test_only_the_metrics_that_a_run_names_are_measured():
    judged = Judged(np.eye(3), np.array([0, 1, 2]), np.array([0]))
    table = measure(judged, metrics_of({"picks": {"metric": "picked"}}))
    assert table["metric"].unique().tolist() == ["picks"]
    assert measure(judged, {}).empty


@pytest.mark.parametrize("name", FOUND.names())
def test_every_metric_says_rightly_if_it_has_a_value_for_each_class(name):
    recipe = metrics_of({name: {"metric": name} | ({"k": 1} if name == "top-k" else {})})[name]
    judged = Judged(np.full((4, 3), 1 / 3), np.array([0, 1, 2, 2]), np.array([0, OUTLIER]))
    assert np.shape(FOUND.load(recipe).measure(judged, recipe)) == ((3,) if recipe.by_class else ())


def test_test_images_without_any_class_are_refused():
    with pytest.raises(ColdstartError, match="none of the 5 test images belongs to a class"):
        module.tested(np.full(5, OUTLIER))
    assert module.tested(np.array([OUTLIER, 1])).tolist() == [False, True]


@pytest.mark.parametrize("chunk", [1, 2**28])
def test_many_probes_equal_one_at_a_time(chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk)
    data = load_digits()
    # Scaled so that no probability rounds to 1: rounding would decide such ties.
    features, labels = (data.data / 16).astype(np.float32), data.target
    # From one class up, so classes are absent.
    subsets = [np.flatnonzero(labels == 4)[:2]]
    subsets += [np.random.default_rng(n).permutation(900)[:n] for n in (2, 5, 20, 300)]
    coef, intercept = fit_probes(features, labels, subsets, 10, 1.0)
    test, truth = features[900:], labels[900:]
    bought = [labels[subset] for subset in subsets]
    tables = measure_probes(test, truth, coef, intercept, bought, METRICS)
    assert len(tables) == 5
    for i, table in enumerate(tables):
        found = {name: part["value"].to_numpy() for name, part in table.groupby("metric")}
        logits = test.astype(float) @ coef[i].astype(float).T + intercept[i].astype(float)
        probabilities = softmax(logits, axis=1)
        top_k = np.concatenate([found[f"top-{k}"] for k in (1, 2, 3)])
        np.testing.assert_allclose(top_k, slow_top_k(probabilities, truth, (1, 2, 3)))
        expected = slow_average_precision(probabilities, truth)
        np.testing.assert_allclose(found["average-precision"], expected, atol=1e-9)
        absent = np.isinf(intercept[i])
        prevalence = np.bincount(truth, minlength=10) / len(truth)
        np.testing.assert_allclose(found["average-precision"][absent], prevalence[absent])
        assert found["picked"].tolist() == np.bincount(bought[i], minlength=10).tolist()


def test_test_images_are_ranked_by_probability_not_by_logit():
    # Class 0 has the greater logit in the first row, the greater probability in the second.
    features, labels = np.eye(2, dtype=np.float32), np.array([1, 0])
    coef = np.array([[[5.0, 1.0], [9.0, 0.0]]], dtype=np.float32)
    only = {"average-precision": METRICS["average-precision"]}
    (table,) = measure_probes(features, labels, coef, np.zeros((1, 2), np.float32), [labels], only)
    np.testing.assert_allclose(table["value"], [1.0, 1.0])
