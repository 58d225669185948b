import numpy as np
import pandas as pd
import pytest
import torch

from coldstart.embeddings.tables import read_embeddings, read_predictions
from coldstart.learners.labels import buy
from coldstart.selection.base import Picks
from coldstart.selection.samplers.random import Random
from coldstart.selection.samplers.uncertainty import uncertainty
from coldstart.selection.tables import read_known
from tests.helpers.small_pool import PICKED

CPU = torch.device("cpu")


@pytest.fixture
def asked(pool):
    """Tables of a trained classifier, of all candidates."""
    return pool.predict(pool.learn())


def farthest_first(embeddings, known, count):
    """The plain greedy: always the candidate that is farthest from all that are known."""
    known, found = list(known), []
    for _ in range(count):
        near = np.linalg.norm(embeddings[:, None] - embeddings[known], axis=2).min(1)
        found.append(int(near.argmax()))
        known.append(found[-1])
    return found


def test_a_query_goes_on_from_the_labels_there_are(pool, asked):
    table, _ = pool.query({"sampler": "k-centre"}, {"embeddings": asked})
    assert table["id"].tolist()[: len(PICKED)] == PICKED
    assert table["rank"].tolist() == list(range(24))
    assert set(table["budget"]) == {24}
    _, embeddings = read_embeddings(asked.path("embeddings.parquet"), "candidates")
    expected = farthest_first(embeddings.astype(float), PICKED, 24 - len(PICKED))
    assert table["id"].tolist()[len(PICKED) :] == expected


@pytest.mark.parametrize("measure", ["least-confidence", "margin", "entropy"])
def test_a_query_may_read_predictions(pool, asked, measure):
    table, _ = pool.query({"sampler": "uncertainty", "measure": measure}, {"predictions": asked})
    _, votes = read_predictions(asked.path("predictions.parquet"), "candidates")
    values = uncertainty(votes[:, 0], measure)
    left = [image for image in np.argsort(-values, kind="stable") if image not in PICKED]
    assert table["id"].tolist() == PICKED + left[: 24 - len(PICKED)]
    np.testing.assert_allclose(table["score"][len(PICKED) :], values[left[: 24 - len(PICKED)]])


def test_picks_can_be_learnt_from_and_asked_again(pool, asked):
    _, picked = pool.query({"sampler": "k-centre"}, {"embeddings": asked}, out="second")
    model = pool.learn("next", selection="second", budget=24)
    table, _ = pool.query(
        {"sampler": "k-centre"},
        {"embeddings": pool.predict(model, out="more"), "selection": picked},
        before=24,
        budget=30,
    )
    assert table["id"].tolist()[: len(PICKED)] == PICKED
    assert len(set(table["id"])) == 30


@pytest.mark.parametrize("other", [{"trial": 1}, {"encoder_seed": 1}])
def test_each_trial_draws_by_chance_of_its_own(pool, other):
    pool.pick({0: PICKED})
    drawn = pool.query({"sampler": "random"})[0]["id"].tolist()
    again = pool.query({"sampler": "random"}, **other)[0]["id"].tolist()
    assert pool.query({"sampler": "random"})[0]["id"].tolist() == drawn
    assert again != drawn
    assert again[: len(PICKED)] == PICKED
    assert len(set(again)) == 24


def test_known_holds_the_labels_that_were_bought(pool):
    known = read_known(pool.learn())
    assert known.ids.tolist() == sorted(PICKED)
    assert known.labels.tolist() == pool.labels[sorted(PICKED)].tolist()


def test_a_sampler_that_declares_known_is_given_it(pool, monkeypatch):
    seen = []

    def pick(self, query):
        seen.append(query.known)
        return Picks(query.candidates.ids[: query.budget], np.zeros(query.budget))

    monkeypatch.setattr(Random, "reads", frozenset({"known"}))
    monkeypatch.setattr(Random, "_pick", pick)
    pool.query({"sampler": "random"}, {"known": pool.learn()})
    assert seen[0].ids.tolist() == sorted(PICKED)


def test_the_oracle_answers_for_no_other_image(pool):
    job = pool.job("none", {"selection": "selection", "labels": "labels"}, {})
    bought = buy(job.inputs["selection"], job.inputs["labels"], {"trial": 0, "budget": len(PICKED)})
    assert bought.ids.tolist() == sorted(PICKED)


def with_outliers(pool):
    """The images 3, 40 and 200 of those picked, and 20 others, are of no class."""
    labels = pd.array(pool.labels, dtype="Int64")
    labels[[3, 40, 200, *range(270, 290)]] = pd.NA
    pool.know(labels)
    return pool.learn()


def test_outliers_that_were_bought_return_to_the_candidates_if_a_run_says_so(pool):
    """All candidates are bought in the end: an outlier once more, or not again."""
    known = with_outliers(pool)
    sampler, inputs = {"sampler": "random"}, {"known": known}
    table, _ = pool.query(sampler, inputs, budget=300)
    assert table["id"].is_unique
    table, _ = pool.query(sampler, inputs, budget=303, outliers="returned")
    assert table["id"].tolist()[: len(PICKED)] == PICKED
    assert len(table) == 303
    again = table["id"][table["id"].duplicated()].tolist()
    assert sorted(again) == [3, 40, 200]
    model = pool.learn("next", selection="picked", budget=303)
    inside = set(range(300)) - {3, 40, 200, *range(270, 290)}
    assert read_known(model).ids.tolist() == sorted(inside)
    assert len(pd.read_parquet(model.path("known.parquet"))) == 303


def test_a_sampler_that_reads_known_may_pick_a_returned_outlier(pool):
    known = with_outliers(pool)
    inputs = {"known": known, "embeddings": pool.predict(known)}
    inputs["predictions"] = inputs["embeddings"]
    table, _ = pool.query({"sampler": "weibull"}, inputs, budget=303, outliers="returned")
    assert sorted(table["id"][table["id"].duplicated()]) == [3, 40, 200]
