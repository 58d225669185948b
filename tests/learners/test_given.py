import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.embeddings.tables import read_predictions, write_embeddings
from coldstart.learners import learn, predict
from coldstart.selection.select import make as select
from tests.helpers.jobs import artefact_in, make_job

LEARNER = {"learner": "logistic-regression", "c": 1.0, "tolerance": None, "standardise": False}
PLAIN = {"members": 1, "passes": 1, "dropout": False}
IDS = np.array([2, 3, 5, 8, 13, 21])
EMBEDDINGS = np.array([[-3], [-2], [-0.5], [0.4], [2], [3]], dtype=np.float32)


@pytest.fixture
def made(tmp_path):
    """A function that trains on labels that are given, and predicts all candidates."""

    def artefact(name, **recipe):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return folder, lambda: artefact_in(folder, recipe)

    index, indexed = artefact("index")
    pd.DataFrame({"id": IDS, "split": "candidates"}).to_parquet(index / "index.parquet")
    embeddings, embedded = artefact("embeddings")
    write_embeddings(embeddings / "embeddings.parquet", IDS, ["candidates"] * len(IDS), EMBEDDINGS)

    def made(labels):
        labelled, given = artefact("labelled")
        table = pd.DataFrame({"id": list(labels), "label": list(labels.values())})
        table.to_parquet(labelled / "labels.parquet")
        described = {"classes": 2, "encoder_seed": 0, "trial": 0}
        inputs = {"index": indexed(), "embeddings": embedded(), "labelled": given()}
        model, learnt = artefact("model", learner=LEARNER, **described)
        learn.make(make_job(model, {"learner": LEARNER, **described}, inputs))
        asked, found = artefact("asked")
        recipe = {"prediction": PLAIN, "outputs": {"predictions": ["candidates"]}, **described}
        predict.make(make_job(asked, recipe, inputs | {"model.0": learnt()}))
        return inputs | {"predictions": found()}, model, tmp_path

    return made


def test_labels_that_are_given_train_a_classifier_that_a_sampler_asks(made):
    inputs, model, folder = made({21: 1, 2: 0, 99: 1})  # 99 could not be read
    known = pd.read_parquet(model / "known.parquet")
    assert dict(zip(known["id"], known["label"], strict=True)) == {2: 0, 21: 1}
    ids, votes = read_predictions(inputs["predictions"].path("predictions.parquet"), "candidates")
    assert ids.tolist() == IDS.tolist()
    assert (votes[:, 0, 1] > 0.5).tolist() == [False, False, False, True, True, True]
    out = folder / "selection"
    out.mkdir()
    sampler = {"sampler": "uncertainty", "measure": "margin"}
    recipe = {"sampler": sampler, "budgets": [2], "excess": "cut", "trials": 1, "encoder_seed": 0}
    select(make_job(out, recipe, inputs))
    picks = pd.read_parquet(out / "selection.parquet")
    assert picks["id"].tolist() == [8, 5]


def test_one_readable_label_predicts_its_class(made):
    inputs, *_ = made({5: 1, 99: 0})
    _, votes = read_predictions(inputs["predictions"].path("predictions.parquet"), "candidates")
    np.testing.assert_array_equal(votes[:, 0], np.tile([0.0, 1.0], (len(IDS), 1)))


def test_labels_of_unreadable_images_alone_are_refused(made):
    with pytest.raises(ColdstartError, match="none of the images that have a label could be read"):
        made({99: 0, 100: 1})
