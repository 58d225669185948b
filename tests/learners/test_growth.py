import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as Peer

from coldstart.config.recipes.learners.logistic_regression import LogisticRegression
from coldstart.learners.growth import measure_growth, training_sizes

RECIPE = LogisticRegression(learner="logistic-regression", c=1.0)


def blobs(count, classes=3, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = 3 * np.eye(classes, 8)
    features = centres[labels] + noise * rng.normal(size=(count, 8))
    return features.astype(np.float32), labels.astype(np.int64)


def test_sizes_halve_from_four_fifths_of_the_labels():
    assert training_sizes(9) == []
    assert training_sizes(10) == [8]
    assert training_sizes(100) == [5, 10, 20, 40, 80]
    assert training_sizes(101) == [5, 10, 20, 40, 80]
    assert len(training_sizes(100_000)) == 6


def test_every_image_is_asked_at_every_size_and_accuracy_grows():
    found = measure_growth(*blobs(60), 3, RECIPE, seed=0)
    assert sorted(found.groupby("labels")["id"].nunique()) == [60] * 4
    assert found["right"].between(0, 1).all()
    accuracy = found.groupby("labels")["right"].mean()
    assert accuracy[48] > 0.85
    assert accuracy[48] > accuracy[6]


def test_labels_by_chance_are_predicted_by_chance():
    """An image that its own label taught something about would be right more often."""
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, 50)).astype(np.float32)
    found = measure_growth(features, rng.integers(0, 2, 200), 2, RECIPE, seed=0)
    assert found.groupby("labels")["right"].mean().to_numpy() == pytest.approx(0.5, abs=0.08)


def test_answers_are_those_of_scikit_learn_on_the_same_divisions():
    features, labels = blobs(20, noise=2.0)
    found = measure_growth(features, labels, 3, RECIPE, seed=5)
    rng, right = np.random.default_rng(5), np.zeros((2, 20))
    for _ in range(10):
        order = rng.permutation(20)
        for held in np.array_split(order, 5):
            rest = rng.permutation(np.setdiff1d(order, held))
            for number, size in enumerate((8, 16)):
                peer = Peer(C=1.0, max_iter=1000).fit(features[rest[:size]], labels[rest[:size]])
                right[number, held] += peer.predict(features[held]) == labels[held]
    assert found["labels"].unique().tolist() == [8, 16]
    np.testing.assert_allclose(found["right"], right.ravel() / 10, atol=1e-9)


@pytest.mark.parametrize(("count", "classes"), [(9, 3), (30, 1), (0, 0)])
def test_nothing_is_measured_of_few_labels_or_one_class(count, classes):
    features, labels = blobs(count, max(classes, 1))
    assert measure_growth(features, labels, classes, RECIPE, seed=0).empty
