"""Metrics of selections, with images that belong to no class."""

import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.data.unclassed import OUTLIER
from coldstart.evaluation.linear import evaluate as evaluate_linear
from coldstart.evaluation.scaling import Labelled
from tests.helpers.measured import METRICS


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    features = (np.eye(3)[labels] * 4 + rng.normal(size=(60, 3))).astype(np.float32)
    return Labelled(np.arange(60) * 10, features, labels)


def selection(ids):
    return pd.DataFrame({"trial": 0, "budget": len(ids), "rank": range(len(ids)), "id": ids})


def evaluate(candidates, test, selections, c):
    return evaluate_linear(candidates, test, selections, METRICS, c)


def value(metrics, metric, label=None):
    rows = metrics[metrics["metric"] == metric]
    rows = rows[rows["label"].isna()] if label is None else rows[rows["label"] == label]
    return rows["value"].item()


def test_metrics_depend_on_the_labels_of_the_selection(data):
    metrics = evaluate(data, data, {"any": selection([0, 10, 200, 400, 410])}, c=1.0)
    assert value(metrics, "top-1") > 0.8
    assert [value(metrics, "picked", label) for label in range(3)] == [2, 1, 2]
    assert value(metrics, "outliers") == 0


def test_outlier_costs_a_label_and_is_not_trained_on(data):
    outlying = Labelled(data.ids, data.features, np.where(data.ids < 50, OUTLIER, data.labels))
    good = [100, 110, 200, 210, 400, 410]
    with_outliers = evaluate(outlying, data, {"any": selection([*good, 0, 10])}, c=1.0)
    without = evaluate(data, data, {"any": selection(good)}, c=1.0)
    assert value(with_outliers, "outliers") == 2
    for metric in ("top-1", "top-2"):
        assert value(with_outliers, metric) == value(without, metric)
    assert with_outliers["budget"].unique() == [8]


def test_a_test_image_that_is_an_outlier_is_left_out(data):
    far = np.full((7, 3), -9, np.float32)  # of no class, though nearer to one than to the others
    features = np.concatenate([data.features, far])
    labels = np.concatenate([data.labels, np.full(7, OUTLIER)])
    selections = {"any": selection([0, 10, 200, 400, 410])}
    with_outliers = evaluate(data, Labelled(np.arange(67), features, labels), selections, c=1.0)
    pd.testing.assert_frame_equal(with_outliers, evaluate(data, data, selections, c=1.0))


def test_a_class_without_a_test_image_does_not_count(data):
    some = data.labels != 1
    test = Labelled(data.ids[some], data.features[some], data.labels[some])
    metrics = evaluate(data, test, {"any": selection([0, 10, 200, 400, 410])}, c=1.0)
    assert metrics.loc[metrics["metric"] == "average-precision", "label"].tolist() == [0, 2]
    assert value(metrics, "picked", 1) == 1


def test_test_images_without_any_class_are_refused(data):
    test = Labelled(data.ids, data.features, np.full(60, OUTLIER))
    with pytest.raises(ColdstartError, match="none of the 60 test images belongs to a class"):
        evaluate(data, test, {"any": selection([0, 200])}, c=1.0)


def test_learner_without_a_label_predicts_all_classes_alike(data):
    outlying = Labelled(data.ids, data.features, np.where(data.ids < 50, OUTLIER, data.labels))
    metrics = evaluate(outlying, data, {"any": selection([0, 10, 20])}, c=1.0)
    assert value(metrics, "outliers") == 3
    assert value(metrics, "top-1") == pytest.approx(1 / 3)
