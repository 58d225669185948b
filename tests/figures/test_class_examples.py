import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from coldstart.config.recipes.figures.class_examples import ClassExamples
from coldstart.figures import class_examples
from coldstart.figures.style import styled

CLASSES = ["plane", "car", "cat"]
TARGET = ClassExamples(
    kind="class-examples",
    title="Planes",
    sampler="kmeans",
    budget=8,
    label=0,
    show="picked",
    count=3,
)
TESTED = TARGET.model_copy(update={"show": "tested"})
RNG = np.random.default_rng(2)
LABELS = np.arange(60) % 3
EMBEDDINGS = ((RNG.normal(size=(60, 4)) + np.eye(4)[LABELS]) * [1, 3, 1, 1]).astype(np.float32)
ORDER = np.array([0, 1, 2, 3, 4, 5, 6, 8, 9, 12, 15])
"""Draws pick the first eight from the first, the second and the third of these on: with three,
three and four planes."""


def published(studio, channels=3, learner=None, encoder_seed=4, labels=LABELS):
    """Forty candidates and twenty test images; image i is all i."""
    images = np.arange(60, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 8, 8, channels))
    given = {"learner": "logistic-regression"} | (learner or {})
    studio.run("main", ["random", "kmeans"], classes=CLASSES, learner=given)
    studio.images("main", images.astype(np.uint8)).labels("main", labels)
    splits = ["candidates"] * 40 + ["test"] * 20
    for seed in (encoder_seed, encoder_seed + 1):
        embeddings = EMBEDDINGS if seed == encoder_seed else EMBEDDINGS[::-1].copy()
        studio.embeddings("main", seed, np.arange(60), splits, embeddings)
        for sampler, ids in (("random", ORDER[::-1]), ("kmeans", ORDER)):
            studio.selection("main", seed, sampler, ids, [3, 8], trials=3)
    return studio


def levels(axes):
    return [int(np.asarray(shown.get_array()).flat[0]) for shown in axes.get_images()]


def shown_images(figure):
    return [levels(axes) for axes in figure.axes]


def note(figure):
    return " ".join(figure._supxlabel.get_text().split())


@pytest.mark.parametrize("channels", [1, 3])
def test_each_trial_has_a_row_of_its_picks_in_order(studio, channels):
    figure, numbers = class_examples.draw(published(studio, channels).shown(), TARGET)
    assert numbers["encoder_seed"].unique().tolist() == [4]
    assert numbers["sampler"].unique().tolist() == ["kmeans"]
    ids = {row: part["id"].tolist() for row, part in numbers.groupby("row")}
    assert ids == {"trial 1": [0, 3, 6], "trial 2": [3, 6, 9], "trial 3": [3, 6, 9, 12]}
    ranks = numbers[numbers["row"] == "trial 2"]["rank"].tolist()
    assert ranks == [3, 6, 8]
    # No more than three images in a row, but the number of all.
    assert shown_images(figure) == [[0], [3], [6], [3], [6], [9], [3], [6], [9]]
    titles = [axes.texts[0].get_text() for axes in figure.axes if axes.texts]
    assert titles == ["trial 1\n(3)", "trial 2\n(3)", "trial 3\n(4)"]
    assert "k-means, 8 labels, class plane" in note(figure)


def test_short_row_ends_in_blanks(studio):
    target = TARGET.model_copy(update={"budget": 3})
    figure, numbers = class_examples.draw(published(studio).shown(), target)
    assert numbers["id"].tolist() == [0, 3, 3]
    assert shown_images(figure) == [[0], [], [], [3], [], [], [3], [], []]


@pytest.mark.parametrize("learner", [{}, {"standardise": True, "c": 0.1}])
def test_test_images_are_classified_by_the_learner_of_the_run(studio, learner):
    figure, numbers = class_examples.draw(published(studio, learner=learner).shown(), TESTED)
    assert numbers["trial"].unique().tolist() == [2]  # four planes: the most of the three draws
    chosen = ORDER[2:10]
    candidates, test = EMBEDDINGS[:40], EMBEDDINGS[40:]
    if learner.get("standardise"):
        scaler = StandardScaler().fit(candidates)
        candidates, test = scaler.transform(candidates), scaler.transform(test)
    fitted = LogisticRegression(C=learner.get("c", 1.0), tol=1e-8, max_iter=10_000)
    fitted.fit(candidates[chosen], LABELS[chosen])
    planes = np.flatnonzero(LABELS[40:] == 0)
    probabilities = fitted.predict_proba(test[planes])
    table = numbers.set_index("id").loc[40 + planes]
    assert table["probability"].to_numpy() == pytest.approx(probabilities[:, 0], abs=2e-3)
    predicted = probabilities.argmax(1)
    wrong = planes[predicted != 0]
    assert table["predicted"].tolist() == [CLASSES[label] for label in predicted]
    assert 0 < (predicted == 0).sum() < len(planes)
    assert table["row"].tolist() == ["right" if label == 0 else "wrong" for label in predicted]
    sure = dict(zip(40 + planes, probabilities.max(1), strict=True))
    for row in ("right", "wrong"):
        ids = numbers[numbers["row"] == row]["id"].tolist()
        assert ids == sorted(ids, key=lambda image: -sure[image])
    ids = [numbers[numbers["row"] == row]["id"].tolist()[:3] for row in ("right", "wrong")]
    drawn = [
        [levels(axes)[0] for axes in figure.axes[at : at + 3] if levels(axes)] for at in (0, 3)
    ]
    assert drawn == ids
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    first, *rest = table.loc[ids[1], "predicted"].tolist()
    right = len(planes) - len(wrong)
    assert texts == [f"right\n({right})", first, f"wrong\n({len(wrong)})", *rest]
    assert "trial 3 with 4 of the class among its labels" in note(figure)


def test_outlier_is_not_trained_on(studio):
    labels = LABELS.astype(float)
    labels[5] = np.nan  # among the picks of the third draw, after which images are tested
    _, numbers = class_examples.draw(published(studio, labels=labels).shown(), TESTED)
    chosen = np.setdiff1d(ORDER[2:10], [5])
    fitted = LogisticRegression(tol=1e-8, max_iter=10_000)
    fitted.fit(EMBEDDINGS[chosen], LABELS[chosen])
    probabilities = fitted.predict_proba(EMBEDDINGS[numbers["id"]])
    assert numbers["probability"].to_numpy() == pytest.approx(probabilities[:, 0], abs=2e-3)


def test_trial_without_the_class_has_an_empty_row(studio):
    target = TARGET.model_copy(update={"budget": 3, "label": 1})
    figure, numbers = class_examples.draw(published(studio).shown(), target)
    assert numbers["id"].tolist() == [1, 1, 4]
    target = target.model_copy(update={"sampler": "random"})
    figure, numbers = class_examples.draw(studio.shown(), target)
    assert numbers.empty
    assert shown_images(figure) == [[]] * 9
    titles = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert titles == ["trial 1\n(0)", "trial 2\n(0)", "trial 3\n(0)"]
    target = target.model_copy(update={"show": "tested"})
    _, numbers = class_examples.draw(studio.shown(), target)
    assert numbers["trial"].unique().tolist() == [0]
    assert set(numbers["row"]) == {"wrong"}


@pytest.mark.parametrize("target", [TARGET, TESTED], ids=lambda target: target.show)
def test_texts_do_not_overlap(studio, target):
    studio = published(studio)
    studio.runs["main"]["classes"] = ["airplane", "automobile", "frog"]
    with styled():
        target = target.model_copy(update={"count": 8, "title": "A rather long title " * 4})
        figure, _ = class_examples.draw(studio.shown(), target)
        figure.draw_without_rendering()
        texts = [figure._suptitle, figure._supxlabel]
        texts += [text for axes in figure.axes for text in (*axes.texts, axes.title)]
        boxes = [text.get_window_extent() for text in texts if text.get_text()]
        boxes += [axes.get_window_extent() for axes in figure.axes]
    for at, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:at])
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y0 >= 0
        assert box.y1 <= figure.bbox.height
