import json
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from coldstart.config.recipes.figures.explorer import Explorer
from coldstart.figures import explorer

CLASSES = ["plane", "car", "cat"]
TARGET = Explorer(kind="explorer", title="Pages", budget=6)
LABELS = np.arange(60) % 3
RNG = np.random.default_rng(2)
EMBEDDINGS = (RNG.normal(size=(60, 4)) + 2 * np.eye(4)[LABELS]).astype(np.float32)
ORDER = np.array([0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15])


@pytest.fixture
def shown(studio):
    """Forty candidates and twenty test images; `kmeans` picks one image later than `random`."""
    studio.run(
        "main", ["random", "kmeans"], classes=CLASSES, learner={"learner": "logistic-regression"}
    )
    images = np.arange(60, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, 3))
    studio.images("main", images.astype(np.uint8)).labels("main", LABELS)
    studio.embeddings("main", 4, np.arange(60), ["candidates"] * 40 + ["test"] * 20, EMBEDDINGS)
    studio.selection("main", 4, "random", ORDER, [3, 6, 9], trials=2)
    studio.selection("main", 4, "kmeans", ORDER[1:], [3, 6, 9], trials=2)
    return studio.shown()


def test_each_sampler_has_its_ranks_and_its_right_predictions(shown):
    table = explorer.tabulate(shown, TARGET)
    assert table["id"].tolist() == list(range(60))
    assert table["class"].tolist() == [CLASSES[label] for label in LABELS]
    for sampler, order in (("random", ORDER), ("kmeans", ORDER[1:])):
        ranks = table.dropna(subset=f"rank, {sampler}").set_index("id")[f"rank, {sampler}"]
        assert ranks.sort_values().index.tolist() == order[:9].tolist()
        assert sorted(ranks) == list(range(1, 10))
        known = order[:6]
        fitted = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000)
        fitted.fit(EMBEDDINGS[known], LABELS[known])
        right = fitted.predict(EMBEDDINGS[40:]) == LABELS[40:]
        assert table[f"right, {sampler}"][40:].tolist() == right.tolist()
        assert table[f"right, {sampler}"][:40].isna().all()
    assert len(table[["x", "y"]].drop_duplicates()) == 60


def test_page_tells_ranks_and_predictions(shown):
    table = explorer.tabulate(shown, TARGET)
    html = explorer.html(table, shown, TARGET)
    text = re.search(r'<script type="application/json" id="told">(.*?)</script>', html, re.S)[1]
    told = json.loads(text)
    assert told["names"][7] == "image 7"
    assert told["budget"] == 6
    assert list(told["rankings"]) == ["Random", "k-means"]
    assert told["rankings"]["Random"] == table["rank, random"].fillna(0).tolist()
    judged = told["categories"]["predicted, k-means"]
    assert judged["texts"] == ["right", "wrong"]
    numbers = pd.Series(judged["numbers"])
    assert (numbers[:40] == -1).all()
    assert (numbers[40:] == 0).tolist() == table["right, kmeans"][40:].tolist()


def test_pool_without_labels_has_ranks_and_no_predictions(studio):
    studio.run("main", ["kmeans"], classes=[], learner={"learner": "logistic-regression"})
    studio.images("main", np.zeros((60, 8, 8, 3), dtype=np.uint8))
    studio.embeddings("main", 4, np.arange(60), ["candidates"] * 60, EMBEDDINGS)
    studio.selection("main", 4, "kmeans", ORDER, [3, 6, 9], trials=1)
    table = explorer.tabulate(studio.shown(), TARGET)
    assert list(table) == ["id", "split", "class", "x", "y", "rank, kmeans"]
    assert set(table["class"]) == {"unlabelled"}
    html = explorer.html(table, studio.shown(), TARGET)
    told = re.search(r'<script type="application/json" id="told">(.*?)</script>', html, re.S)[1]
    assert list(json.loads(told)["categories"]) == ["split"]


def test_test_images_without_a_label_are_neither_right_nor_wrong(studio):
    studio.run("main", ["kmeans"], classes=CLASSES, learner={"learner": "logistic-regression"})
    studio.labels("main", np.where(np.arange(60) < 50, LABELS, -2))
    studio.embeddings("main", 4, np.arange(60), ["candidates"] * 40 + ["test"] * 20, EMBEDDINGS)
    studio.selection("main", 4, "kmeans", ORDER, [3, 6, 9], trials=1)
    judged = explorer.tabulate(studio.shown(), TARGET)["right, kmeans"]
    assert judged[40:50].notna().all()
    assert judged[50:].isna().all()
