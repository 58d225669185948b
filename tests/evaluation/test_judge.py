"""Metrics of learners that were trained in jobs of their own, by their predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, top_k_accuracy_score

from coldstart.common.errors import ColdstartError
from coldstart.embeddings.tables import read_predictions, write_predictions
from coldstart.evaluation.evaluate import make
from tests.helpers.jobs import artefact_in
from tests.helpers.measured import DESCRIBED
from tests.helpers.small_pool import PICKED, TEST, Pool


@pytest.fixture
def pool(tmp_path):
    """A pool with predictions of the test images by two votes."""
    pool = Pool(tmp_path)
    votes = np.random.default_rng(0).dirichlet(np.ones(10), (2, 1, len(TEST)))
    (tmp_path / "tested").mkdir()
    path = tmp_path / "tested/predictions.parquet"
    write_predictions(path, np.array(TEST), ["test"] * len(TEST), votes)
    return pool


def metrics(pool, *cycles, selections=("selection.random",), name="selection"):
    """The table of metrics by metric and label, of cycles such as ``random.0.16``."""
    inputs = {f"predictions.{cycle}": "tested" for cycle in cycles}
    inputs |= dict.fromkeys(selections, name) | {"labels": "labels"}
    make(pool.job("judged", inputs, {"learner": "classifier", "metrics": DESCRIBED}))
    return pd.read_parquet(pool.folder / "judged/metrics.parquet")


def values(table):
    return table.set_index(["metric", "label"])["value"]


def test_metrics_are_those_of_scikit_learn_for_the_mean_of_the_votes(pool):
    found = values(metrics(pool, f"random.0.{len(PICKED)}"))
    predictions = artefact_in(pool.folder / "tested").path("predictions.parquet")
    scores, truth = read_predictions(predictions, "test")[1].mean(axis=1), pool.labels[300:]
    for k in (1, 2, 3):
        expected = top_k_accuracy_score(truth, scores, k=k, labels=range(10))
        assert found[f"top-{k}", pd.NA] == pytest.approx(expected)
    for label in range(10):
        expected = average_precision_score(truth == label, scores[:, label])
        assert found["average-precision", label] == pytest.approx(expected)
    assert found["picked"].tolist() == np.bincount(pool.labels[PICKED], minlength=10).tolist()
    assert found["outliers", pd.NA] == 0


def test_each_trial_and_budget_counts_its_own_labels(pool):
    ids = {0: PICKED, 1: [1, 2, 3, 4, *PICKED[4:]]}
    pool.pick(ids)
    cycles = [f"random.{trial}.{budget}" for trial in (0, 1) for budget in (2, len(PICKED))]
    table = metrics(pool, *cycles)
    assert table.columns.tolist() == ["sampler", "trial", "budget", "metric", "label", "value"]
    for (trial, budget), part in table.groupby(["trial", "budget"]):
        expected = np.bincount(pool.labels[ids[trial][:budget]], minlength=10)
        assert values(part)["picked"].tolist() == expected.tolist()


def test_a_queried_sampler_has_a_selection_for_each_cycle(pool):
    pool.pick({1: PICKED[:5]})
    own = ("selection.core-set.1.5",)
    found = values(metrics(pool, "core-set.1.5", selections=own))
    assert found["picked"].sum() == 5


def test_an_outlier_costs_a_label_and_is_not_judged(pool):
    known = pd.array(pool.labels, dtype="Int64")
    before = values(metrics(pool, f"random.0.{len(PICKED)}"))
    known[[PICKED[1], 350]] = pd.NA  # a candidate and a test image
    pool.know(known)
    after = values(metrics(pool, f"random.0.{len(PICKED)}"))
    assert after["outliers", pd.NA] == 1
    assert after["picked"].sum() == len(PICKED) - 1
    assert after["top-1", pd.NA] != before["top-1", pd.NA]


def test_a_class_without_a_test_image_has_no_precision(pool):
    known = pool.labels.copy()
    known[300:] = np.where(known[300:] == 3, 4, known[300:])
    pool.know(known)
    found = values(metrics(pool, f"random.0.{len(PICKED)}"))
    assert found["average-precision"].index.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert len(found["picked"]) == 10


def test_test_images_without_any_class_are_refused(pool):
    known = pd.array(pool.labels, dtype="Int64")
    known[300:] = pd.NA
    pool.know(known)
    with pytest.raises(ColdstartError, match="none of the 100 test images belongs to a class"):
        metrics(pool, f"random.0.{len(PICKED)}")
