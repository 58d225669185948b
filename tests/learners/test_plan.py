"""Inputs of the jobs of a study with cycles."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from coldstart.config.loading.load import load
from coldstart.planning.plan import Plan
from coldstart.planning.resources import estimate, gains_from_gpu
from coldstart.store import Store

WORKFLOW = Path(__file__).parents[2] / "workflow"
WHERE = ("zero-shot", "baselines", 0)


def planned(tmp_path, scale="paper"):
    return Plan(load({"scale": scale}, [], WORKFLOW), Store(tmp_path / "store"))


@pytest.fixture
def plan(tmp_path):
    return planned(tmp_path)


def everything(artefact):
    found = {artefact.key: artefact}
    for made_from in artefact.inputs.values():
        found |= everything(made_from)
    return found


def test_the_first_cycle_is_the_initial_samplers(plan):
    for trial in range(3):
        first = plan.learner(*WHERE, "core-set", trial, 5000)
        assert first is plan.learner(*WHERE, "random", trial, 5000)
        assert first.identity.recipe["draw"] == trial


def test_each_cycle_is_made_from_the_one_before(plan):
    budgets = plan.run(*WHERE[:2]).budgets
    assert budgets == list(range(5000, 25001, 2500))
    for before, budget in pairwise(budgets):
        learner = plan.learner(*WHERE, "core-set", 1, budget)
        asked = learner.inputs["selection"]
        assert asked.identity.stage == "query"
        assert asked is plan.query(*WHERE, "core-set", 1, budget)
        assert asked.inputs["learner"] is plan.learner(*WHERE, "core-set", 1, before)
        recipe = asked.identity.recipe
        assert (recipe["labels"], recipe["budget"]) == (before, budget)
        assert recipe["draw"] == (1 if before == 5000 else 0)
        assert learner.identity.recipe["draw"] == 0


def test_no_learner_is_trained_twice(plan):
    stages = [one.identity.stage for one in everything(plan.evaluation(*WHERE)).values()]
    assert stages.count("learn") == 3 * (9 + 8)
    assert stages.count("query") == 3 * 8
    pointers = {one.pointer for one in everything(plan.evaluation(*WHERE)).values()}
    assert len(pointers) == len(stages)


def test_a_run_of_frozen_embeddings_has_no_learner(plan):
    stages = {
        one.identity.stage
        for one in everything(plan.evaluation("byol-samplers", "biased-cifar10", 0)).values()
    }
    assert not stages & {"learn", "query"}


def test_only_pools_the_oracle_and_the_evaluation_read_labels(plan):
    readers = {
        one.identity.stage
        for run in ("baselines", "moco-v2")
        for one in everything(plan.evaluation("zero-shot", run, 0)).values()
        for made_from in one.inputs.values()
        if made_from.identity.stage == "labels"
    }
    assert readers == {"pool", "learn"}


def plan_of(tmp_path, run):
    """A plan with one study, ``one``, of one run, ``digits``."""
    root = tmp_path / "workflow"
    (root / "studies").mkdir(parents=True)
    basis = {"pool": "digits", "encoder": "byol-digits", "learner": "classifier-digits"}
    study = {"title": "One run", "runs": {"digits": basis | run}}
    (root / "studies/one.yaml").write_text(yaml.safe_dump(study))
    (root / "recipes").symlink_to(WORKFLOW / "recipes")
    return Plan(load({"studies": ["one"]}, [], root), Store(tmp_path / "store"))


def test_a_deterministic_sampler_has_one_draw_and_several_trials(tmp_path):
    plan = plan_of(tmp_path, {"samplers": ["loss-mean"], "sampler_seeds": 2, "budgets": [10, 20]})
    learners = [plan.learner("one", "digits", 0, "loss-mean", trial, 20) for trial in range(2)]
    assert [one.identity.recipe["draw"] for one in learners] == [0, 0]
    assert learners[0].key != learners[1].key


def test_of_what_only_starts_queries_no_more_is_asked(tmp_path):
    run = {"queries": ["core-set"], "initial": "kmeans", "budgets": [10, 20]}
    plan = plan_of(tmp_path, run)
    assert plan.selection("one", "digits", 0, "kmeans").identity.recipe["budgets"] == [10]
    evaluation = plan.evaluation("one", "digits", 0)
    assert {name.split(".")[1] for name in evaluation.inputs} == {"core-set"}


def test_a_query_that_reads_nothing_waits_for_no_classifier(tmp_path):
    run = {"queries": ["random", "core-set"], "initial": "kmeans", "budgets": [10, 20]}
    plan = plan_of(tmp_path, run)
    drawn, asked = (plan.query("one", "digits", 0, name, 0, 20) for name in run["queries"])
    assert set(drawn.inputs) == {"index", "selection"}
    assert set(asked.inputs) == {"index", "selection", "images", "learner"}
    facts = plan.facts("digits")
    assert [gains_from_gpu(one) for one in (drawn, asked)] == [False, True]
    minutes = [estimate(one, facts, "cpu", 1).minutes for one in (drawn, asked)]
    assert minutes[0] < minutes[1]


def test_estimates_grow_with_labels_and_are_for_a_gpu(plan, tmp_path):
    few, many = (plan.learner(*WHERE, "random", 0, budget) for budget in (5000, 25000))
    asked = plan.query(*WHERE, "core-set", 0, 7500)
    facts = plan.facts("cifar10-all")
    assert gains_from_gpu(few)
    assert gains_from_gpu(asked)
    minutes = [estimate(one, facts, "gpu", 4).minutes for one in (few, many)]
    # 5.2e9 multiply-adds of WRN-28-10 in three passes, at 3e12 operations a second, doubled.
    computed = 2 * 6 * 5.2e9 * 200 * 25000 / 3e12 / 60
    assert computed < minutes[1] < 1.5 * computed
    assert minutes[0] < minutes[1] / 3
    assert estimate(asked, facts, "gpu", 4).minutes <= 120
    assert estimate(plan.evaluation(*WHERE), facts, "cpu", 4).minutes <= 15


@pytest.mark.parametrize("initial", ["random", "kmeans"])
def test_random_as_a_query_is_passive_learning_and_shares_the_first_cycle(tmp_path, initial):
    budgets = [10, 20, 30]
    run = {"queries": ["random", "core-set"], "initial": initial, "sampler_seeds": 2}
    plan = plan_of(tmp_path, run | {"budgets": budgets})
    for trial in range(2):
        passive, asked = (
            [plan.learner("one", "digits", 0, name, trial, budget) for budget in budgets]
            for name in run["queries"]
        )
        assert passive[0] is asked[0]
        assert passive[0].inputs["selection"] is plan.selection("one", "digits", 0, initial)
        assert passive[0].identity.recipe["draw"] == trial
        assert len({one.key for one in passive + asked}) == 5
        assert passive[1].inputs["selection"].identity.stage == "query"
    stages = [
        one.identity.stage for one in everything(plan.evaluation("one", "digits", 0)).values()
    ]
    assert stages.count("learn") == 2 * (1 + 2 + 2)
    assert stages.count("query") == 2 * (2 + 2)
