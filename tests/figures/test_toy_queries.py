import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.toy_queries import ToyQueries
from coldstart.figures import toy_queries
from coldstart.figures.style import styled

TARGET = ToyQueries(kind="toy-queries", title="Toy")


@pytest.fixture(scope="module")
def drawn():
    with styled():
        return toy_queries.draw(None, TARGET)


def test_six_panels_show_points_models_and_loss(drawn):
    figure, numbers = drawn
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert [title.split(":")[0] for title in titles] == [
        "500 points of two classes",
        "All labels",
        "Loss under that model",
        "Random",
        "Least confidence",
        "Maximum entropy",
    ]
    assert len(numbers) == 500
    assert numbers["class"].value_counts().to_dict() == {0: 250, 1: 250}


def test_each_query_buys_as_many_points_and_starts_from_the_same(drawn):
    _, numbers = drawn
    for name in toy_queries.QUERIES:
        assert sorted(numbers[name].dropna()) == list(range(1, 36))
    start = numbers[numbers["random"] <= 5]
    assert (start["random"] == start["max-entropy"]).all()
    assert set(start["class"]) == {0, 1}


def test_with_two_classes_both_queries_ask_for_the_point_nearest_to_the_boundary(drawn):
    _, numbers = drawn
    assert numbers["least-confidence"].equals(numbers["max-entropy"])
    points = numbers[["x", "y"]].to_numpy()
    first = numbers[numbers["max-entropy"] <= 5].index
    model = LogisticRegression().fit(points[first], numbers["class"].to_numpy()[first])
    distances = np.abs(model.decision_function(points))
    distances[first] = np.inf
    assert numbers.loc[distances.argmin(), "max-entropy"] == 6


def test_loss_is_the_cross_entropy_of_the_model_of_all_labels(drawn):
    _, numbers = drawn
    points, labels = numbers[["x", "y"]].to_numpy(), numbers["class"].to_numpy()
    likely = LogisticRegression().fit(points, labels).predict_proba(points)
    np.testing.assert_allclose(numbers["loss"], -np.log(likely[np.arange(500), labels]))


def test_more_labels_than_points_are_refused():
    with pytest.raises(ColdstartError, match="a toy of 500 points cannot have"):
        toy_queries.draw(None, TARGET.model_copy(update={"labels": 501}))
