"""Runs whose samplers and learners read no encoder."""

import pytest

from coldstart.common.errors import ColdstartError
from tests.helpers.plans import ONE, everything, plan_of, stages


def test_a_run_of_classifiers_and_random_picks_needs_no_encoder(tmp_path):
    run = {"encoder": None, "samplers": ["random"], "queried": ["max-entropy"], "budgets": [4, 8]}
    plan = plan_of(tmp_path, run)
    found = stages(everything(plan.cycles.evaluation(*ONE)).values())
    assert {"learn", "predict", "query", "select", "evaluate"} <= set(found)
    assert not {"pretrain", "embed", "score"} & set(found)
    assert plan.figures.all_embeddings(["one"]) == []


@pytest.mark.parametrize(
    ("run", "reader"),
    [
        ({"samplers": ["kmeans"]}, "sampler `kmeans` reads its embeddings"),
        ({"samplers": ["loss-mean"]}, "sampler `loss-mean` reads its scores"),
        (
            {"queried": ["max-entropy"], "initial": "kmeans"},
            "sampler `kmeans` reads its embeddings",
        ),
        (
            {"samplers": ["random"], "learner": "logistic-regression"},
            "learner `logistic-regression` is trained on its embeddings",
        ),
        (
            {"queried": ["min-margin"], "learner": "logistic-regression"},
            "learner `logistic-regression` is trained on its embeddings",
        ),
        ({}, "a run without samplers is of its encoder alone"),
    ],
)
def test_an_encoder_that_is_read_must_be_named(tmp_path, run, reader):
    with pytest.raises(ColdstartError) as error:
        plan_of(tmp_path, {"encoder": None, "budgets": [4, 8]} | run)
    assert "studies/one.yaml" in str(error.value)
    assert f"runs.digits.encoder: is missing, and {reader}" in str(error.value)


def test_a_figure_of_embeddings_needs_an_encoder(tmp_path):
    figure = {"kind": "embedding-map", "title": "Map", "budget": 4}
    run = {"encoder": None, "samplers": ["random"], "budgets": [4]}
    with pytest.raises(
        ColdstartError, match=r"runs\.digits\.encoder: is missing, and `figures.map`"
    ):
        plan_of(tmp_path, run, figures={"map": figure})


def test_a_learner_that_starts_from_the_encoder_needs_one(tmp_path):
    learner = {"learner": "classifier", "start": "encoder", "views": ["digits-weak"]}
    learner |= {"backbone": "resnet-tiny", "epochs": 1, "batch_size": 4}
    learner |= {"optimizer": {"name": "sgd", "lr": 0.1}}
    run = {"encoder": None, "samplers": ["random"], "budgets": [4], "learner": "begun"}
    with pytest.raises(ColdstartError, match="learner `begun` starts from its weights"):
        plan_of(tmp_path, run, learners={"begun": learner})
