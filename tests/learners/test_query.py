from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from coldstart.learners import learn
from coldstart.learners.classifier import load
from coldstart.selection import query
from coldstart.selection.samplers.uncertainty import uncertainty
from tests.helpers.jobs import artefact_in
from tests.helpers.small_pool import CANDIDATES, PICKED, RECIPE

CPU = torch.device("cpu")


@pytest.fixture
def asked(pool):
    """A pool with a trained classifier, and a job that asks it."""
    learn.make(pool.learner("learner"))
    learner = artefact_in(pool.folder / "learner", {"learner": RECIPE.model_dump(), "classes": 10})
    return lambda **recipe: pool.job(inputs={"learner": learner}, **{"budget": 24} | recipe)


def picks(pool):
    return pd.read_parquet(pool.folder / "out/selection.parquet")


def farthest_first(embeddings, known, count):
    """The plain greedy: always the candidate that is farthest from all that are known."""
    known, found = list(known), []
    for _ in range(count):
        near = np.linalg.norm(embeddings[:, None] - embeddings[known], axis=2).min(1)
        found.append(int(near.argmax()))
        known.append(found[-1])
    return found


def test_a_query_goes_on_from_the_labels_there_are(pool, asked):
    query.make(asked(sampler={"sampler": "k-centre"}))
    table = picks(pool)
    assert table["id"].tolist()[: len(PICKED)] == PICKED
    assert table["rank"].tolist() == list(range(24))
    assert set(table["budget"]) == {24}
    model = load(pool.folder / "learner/model.safetensors", RECIPE, (8, 8, 1), 10, CPU)
    with torch.no_grad():
        embeddings = model.encoder(torch.from_numpy(pool.images[: len(CANDIDATES)])).numpy()
    expected = farthest_first(embeddings.astype(float), PICKED, 24 - len(PICKED))
    assert table["id"].tolist()[len(PICKED) :] == expected


@pytest.mark.parametrize("measure", ["least-confidence", "margin", "entropy"])
def test_a_query_may_read_what_is_predicted(pool, asked, measure):
    query.make(asked(sampler={"sampler": "uncertainty", "measure": measure}))
    model = load(pool.folder / "learner/model.safetensors", RECIPE, (8, 8, 1), 10, CPU)
    with torch.no_grad():
        logits = model(torch.from_numpy(pool.images[: len(CANDIDATES)]))
    values = uncertainty(torch.softmax(logits.double(), 1).numpy(), measure)
    left = [image for image in np.argsort(-values) if image not in PICKED]
    table = picks(pool)
    assert table["id"].tolist() == PICKED + left[: 24 - len(PICKED)]
    np.testing.assert_allclose(table["score"][len(PICKED) :], values[left[: 24 - len(PICKED)]])


def test_what_was_picked_can_be_learnt_from_and_asked_again(pool, asked):
    query.make(asked(sampler={"sampler": "k-centre"}))
    learn.make(pool.learner("next", {"selection": artefact_in(pool.folder / "out")}, labels=24))
    table = pd.read_parquet(pool.folder / "next/metrics.parquet")
    assert table.loc[table["metric"] == "picked", "value"].sum() == 24


@pytest.mark.parametrize("other", [{"trial": 1}, {"encoder_seed": 1}])
def test_each_trial_asks_with_chance_of_its_own(pool, other):
    def drawn(**recipe):
        job = pool.job(sampler={"sampler": "random"}, **{"budget": 24} | recipe)
        assert {"index", "selection"} <= set(job.inputs)
        query.make(replace(job, inputs={name: job.inputs[name] for name in ("index", "selection")}))
        return picks(pool)["id"].tolist()

    first, again = drawn(), drawn(**other)
    assert drawn() == first
    assert again != first
    assert again[: len(PICKED)] == PICKED
    assert len(set(again)) == 24
