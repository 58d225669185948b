"""Jobs of a study with cycles, and what they are made from."""

from itertools import pairwise

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.config.recipes.augmentations import Augmentation
from coldstart.planning.fingerprint import covered
from coldstart.planning.plan import Plan
from coldstart.planning.resources import estimate, gains_from_gpu
from coldstart.store import Store
from tests.helpers.plans import (
    ONE,
    WHERE,
    WORKFLOW,
    at,
    everything,
    model,
    plan_of,
    shipped,
    stages,
)


@pytest.fixture
def plan(tmp_path):
    return Plan(shipped("paper"), Store(tmp_path / "store"))


def test_all_that_are_queried_share_the_first_cycle(plan):
    for trial in range(3):
        first = model(plan, "core-set", trial, 5000)
        assert first is model(plan, "random", trial, 5000) or first.key == (
            model(plan, "random", trial, 5000).key
        )
        assert first.pointer == model(plan, "random", trial, 5000).pointer
        tested = plan.cycles.predictions(at("core-set", trial, 5000))
        assert tested.key == plan.cycles.predictions(at("random", trial, 5000)).key


def test_asking_for_a_shared_first_cycle_names_its_owner(plan):
    with pytest.raises(ColdstartError, match=r"is that of `random`: ask for .*/random/trial0/"):
        plan.cycles.cycle(*WHERE, "core-set", 0, 5000)


def test_each_cycle_is_made_from_the_one_before(plan):
    budgets = plan.cycles.run(*WHERE[:2]).budgets
    assert budgets == list(range(5000, 25001, 2500))
    for before, budget in pairwise(budgets):
        asked, picked, trained, tested = plan.cycles.cycle(*WHERE, "core-set", 1, budget)
        assert stages([asked, picked, trained, tested]) == ["predict", "query", "learn", "predict"]
        assert asked.inputs["model.0"].key == model(plan, "core-set", 1, before).key
        assert asked.identity.recipe["outputs"] == {"embeddings": ["candidates"]}
        assert picked.inputs["embeddings"] is asked
        assert trained.inputs["selection"] is picked
        assert tested.inputs["model.0"].key == trained.key
        assert tested.identity.recipe["outputs"] == {"predictions": ["test"]}
        recipe = picked.identity.recipe
        assert (recipe["before"], recipe["budget"], recipe["trial"]) == (before, budget, 1)


def test_one_job_makes_a_cycle(plan):
    cycle = plan.cycles.cycle(*WHERE, "core-set", 0, 7500)
    assert len({one.waits_for for one in cycle}) == 1
    assert len({one.pointer for one in cycle}) == len(cycle)
    needed = plan.maker.need(plan.cycles.evaluation(*WHERE).inputs.values())
    trainings = 3 * (9 + 8)
    assert sum("/cycles/" in pointer for pointer in needed) == trainings


def test_no_model_is_trained_twice(plan):
    found = everything(plan.cycles.evaluation(*WHERE)).values()
    assert stages(found).count("learn") == 3 * (9 + 8)
    assert stages(found).count("query") == 3 * 8
    assert stages(found).count("predict") == 3 * (9 + 8) + 3 * 8
    assert len({one.pointer for one in found}) == len(found)


def test_a_run_of_frozen_embeddings_trains_no_model(plan):
    found = everything(plan.cycles.evaluation("byol-samplers", "biased-cifar10", 0)).values()
    assert not set(stages(found)) & {"learn", "query", "predict"}


def test_metrics_are_made_apart_from_models(plan):
    """Editing a metric makes the evaluation anew, and nothing that it reads."""
    computes = {
        one.identity.stage
        for one in everything(plan.cycles.evaluation(*WHERE)).values()
        if "coldstart.evaluation.metrics.top_k" in covered(*one.modules, recipes=one.recipes)[0]
    }
    assert computes == {"evaluate"}


def test_a_deterministic_sampler_has_one_draw_and_several_trials(tmp_path):
    plan = plan_of(tmp_path, {"samplers": ["loss-mean"], "budgets": [10, 20]})
    models = [model(plan, "loss-mean", trial, 20, ONE, "classifier-digits") for trial in range(2)]
    assert models[0].inputs["selection"] is models[1].inputs["selection"]
    assert models[0].inputs["selection"].identity.recipe["trials"] == 1
    assert models[0].key != models[1].key


def test_a_sampler_that_only_starts_cycles_picks_for_the_first_budget_alone(tmp_path):
    run = {"queried": ["core-set"], "initial": "kmeans", "budgets": [10, 20]}
    plan = plan_of(tmp_path, run)
    assert plan.cycles.selection(*ONE, "kmeans").identity.recipe["budgets"] == [10]
    names = plan.cycles.evaluation(*ONE).inputs
    judged = {name.split(".")[1] for name in names if name.startswith("predictions.")}
    assert judged == {"core-set"}


def test_a_sampler_that_reads_nothing_asks_no_model(tmp_path):
    run = {"queried": ["random", "core-set"], "initial": "kmeans", "budgets": [10, 20]}
    plan = plan_of(tmp_path, run)
    drawn, asked = (plan.cycles.cycle(*ONE, name, 0, 20) for name in run["queried"])
    assert stages(drawn) == ["query", "learn", "predict"]
    assert set(drawn[0].inputs) == {"index", "selection"}
    assert stages(asked) == ["predict", "query", "learn", "predict"]
    assert set(asked[1].inputs) == {"index", "selection", "embeddings"}


def test_an_ensemble_is_members_of_one_learner(tmp_path):
    run = {"samplers": ["random"], "queried": ["ensemble-variation-ratio"], "budgets": [10, 20, 30]}
    plan = plan_of(tmp_path, run)
    first = plan.cycles.cycle(*ONE, "random", 0, 10)
    assert stages(first) == ["learn"] * 3 + ["predict"]
    assert [one.identity.recipe["member"] for one in first[:3]] == [0, 1, 2]
    second = plan.cycles.cycle(*ONE, "ensemble-variation-ratio", 0, 20)
    assert stages(second) == ["predict", "query", *["learn"] * 3, "predict"]
    asked = [second[0].inputs[f"model.{member}"] for member in range(3)]
    assert [one.key for one in asked] == [one.key for one in first[:3]]
    # No sampler asks at the last budget, and a sampler that is not queried has no members.
    last = plan.cycles.cycle(*ONE, "ensemble-variation-ratio", 0, 30)
    assert stages(last) == ["predict", "query", "learn", "predict"]
    assert stages(plan.cycles.cycle(*ONE, "random", 0, 20)) == ["learn", "predict"]


def test_passes_with_dropout_are_a_prediction_of_one_model(tmp_path):
    run = {"queried": ["bald"], "budgets": [10, 20], "learner": "classifier-digits-dropout"}
    plan = plan_of(tmp_path, run)
    asked, picked, _, tested = plan.cycles.cycle(*ONE, "bald", 0, 20)
    assert asked.identity.recipe["prediction"] == {"members": 1, "passes": 10, "dropout": True}
    assert picked.inputs["votes"] is asked
    assert tested.identity.recipe["prediction"] == {"members": 1, "passes": 1, "dropout": False}


def test_a_sampler_may_ask_a_learner_of_its_own(tmp_path):
    plan = plan_of(tmp_path, {"queried": ["core-set"], "budgets": [10, 20]})
    own = plan.recipes.get("samplers", "core-set").model_copy(
        update={"learner": "classifier-digits-dropout"}
    )
    plan.recipes._found["samplers"]["core-set"] = own
    first = plan.cycles.cycle(*ONE, "random", 0, 10)
    assert stages(first) == ["learn", "learn", "predict"]
    asked = plan.cycles.cycle(*ONE, "core-set", 0, 20)[0]
    assert asked.inputs["model.0"].identity.recipe["learner"]["dropout"] == 0.5
    tested = plan.cycles.predictions(at("core-set", 0, 20, ONE))
    assert tested.inputs["model.0"].identity.recipe["learner"]["dropout"] == 0.0


def test_a_discriminator_is_trained_beside_the_run_s_learner_and_asked_for_scores(tmp_path):
    run = {"queried": ["vaal-digits"], "budgets": [10, 20, 30], "encoder": None}
    plan = plan_of(tmp_path, run)
    assert stages(plan.cycles.cycle(*ONE, "random", 0, 10)) == ["learn", "learn", "predict"]
    asked, picked, *trained, tested = plan.cycles.cycle(*ONE, "vaal-digits", 0, 20)
    learners = [one.identity.recipe["learner"]["learner"] for one in trained]
    assert learners == ["classifier", "vaal"]
    assert asked.identity.recipe["outputs"] == {"scores": ["candidates"]}
    assert asked.inputs["model.0"].identity.recipe["learner"]["learner"] == "vaal"
    assert picked.inputs["scores"] is asked
    assert tested.inputs["model.0"].key == trained[0].key
    last = plan.cycles.cycle(*ONE, "vaal-digits", 0, 30)  # nobody asks after it
    assert stages(last) == ["predict", "query", "learn", "predict"]


def test_a_discriminator_takes_as_long_however_many_images_are_labelled(tmp_path):
    run = {"queried": ["vaal-digits"], "budgets": [10, 200, 300], "encoder": None}
    plan = plan_of(tmp_path, run)
    facts = plan.data.facts("digits")
    models = [model(plan, "vaal-digits", 0, budget, ONE, "vaal-digits") for budget in (10, 200)]
    minutes = {estimate(one, facts, "gpu", 4).minutes for one in models}
    assert len(minutes) == 1
    # 300 steps on a GPU at 50 ms, doubled.
    assert minutes.pop() <= 10


@pytest.mark.parametrize(
    ("sampler", "fault"),
    [
        ("vaal", "a backbone of family dcgan takes 16 pixels a side or more, not images of 8 x 8"),
        ("cropped", "has weights for one size, the images' 8 x 8, and cannot take views of 7 x 7"),
    ],
)
def test_a_learner_that_cannot_take_a_pool_s_images_is_refused(tmp_path, sampler, fault):
    run = {"queried": ["vaal-digits"], "budgets": [10, 20], "encoder": None}
    plan = plan_of(tmp_path, run)
    found = plan.recipes._found["samplers"]
    if sampler == "cropped":
        crop = Augmentation.model_validate({"transforms": [{"op": "crop", "size": 7}]})
        own = plan.recipes.get("learners", "vaal-digits").model_copy(update={"views": [crop]})
        plan.recipes._found["learners"]["vaal-digits"] = own
    else:
        found["vaal-digits"] = plan.recipes.get("samplers", "vaal")
    with pytest.raises(ColdstartError, match="does not fit pool `digits`") as error:
        plan.cycles.cycle(*ONE, "random", 0, 10)
    assert fault in str(error.value)


def test_a_training_starts_from_the_run_s_encoder(tmp_path):
    plan = plan_of(
        tmp_path, {"samplers": ["random"], "budgets": [10], "learner": "fine-tuned-digits"}
    )
    trained = model(plan, "random", 0, 10, ONE, "fine-tuned-digits")
    assert trained.inputs["start"] is plan.encoders.checkpoint("digits", "byol-digits", 0)


def test_a_start_from_another_backbone_is_refused(tmp_path):
    run = {"samplers": ["random"], "budgets": [10], "encoder": "pca-512"}
    plan = plan_of(tmp_path, run | {"learner": "fine-tuned-digits"})
    with pytest.raises(ColdstartError, match="`fine-tuned-digits` starts from the weights of"):
        model(plan, "random", 0, 10, ONE, "fine-tuned-digits")


def test_a_warm_start_goes_on_from_the_cycle_before(tmp_path):
    plan = plan_of(tmp_path, {"queried": ["core-set"], "budgets": [10, 20]})
    name = "classifier-digits"
    warm = plan.recipes.get("learners", name).model_copy(update={"start": "cycle"})
    plan.recipes._found["learners"][name] = warm
    first, second = (model(plan, "core-set", 0, budget, ONE, name) for budget in (10, 20))
    assert "start" not in first.inputs
    assert second.inputs["start"].key == first.key


def test_linear_learners_are_asked_in_cycles_too(tmp_path):
    run = {"queried": ["min-margin"], "learner": "logistic-regression", "budgets": [10, 20]}
    plan = plan_of(tmp_path, run)
    asked, picked, trained, _ = plan.cycles.cycle(*ONE, "min-margin", 0, 20)
    assert set(trained.inputs) == {"index", "embeddings", "labels", "selection"}
    assert set(asked.inputs) == {"index", "embeddings", "model.0"}
    assert not any(map(gains_from_gpu, (asked, picked, trained)))
    evaluation = plan.cycles.evaluation(*ONE)
    assert not any(name.startswith("predictions.") for name in evaluation.inputs)
    assert evaluation.inputs["selection.min-margin.0.20"] is picked


def test_estimates_grow_with_labels_and_are_for_a_gpu(plan):
    few, many = (model(plan, "random", 0, budget) for budget in (5000, 25000))
    asked = plan.cycles.asked(at("core-set", 0, 7500))
    facts = plan.data.facts("cifar10-all")
    assert gains_from_gpu(few)
    assert gains_from_gpu(asked)
    minutes = [estimate(one, facts, "gpu", 4).minutes for one in (few, many)]
    # 5.2e9 multiply-adds of WRN-28-10 in three passes, at 3e12 operations a second, doubled.
    computed = 2 * 6 * 5.2e9 * 200 * 25000 / 3e12 / 60
    assert computed < minutes[1] < 1.5 * computed
    assert minutes[0] < minutes[1] / 3
    assert estimate(asked, facts, "gpu", 4).minutes <= 120
    assert estimate(plan.cycles.evaluation(*WHERE), facts, "cpu", 4).minutes <= 15


@pytest.mark.parametrize("initial", ["random", "kmeans"])
def test_random_as_a_query_is_passive_learning_and_shares_the_first_cycle(tmp_path, initial):
    budgets = [10, 20, 30]
    run = {"queried": ["random", "core-set"], "initial": initial, "budgets": budgets}
    plan = plan_of(tmp_path, run)
    for trial in range(2):
        passive, asked = (
            [model(plan, name, trial, budget, ONE, "classifier-digits") for budget in budgets]
            for name in run["queried"]
        )
        assert passive[0].key == asked[0].key
        assert passive[0].inputs["selection"] is plan.cycles.selection(*ONE, initial)
        assert len({one.key for one in passive + asked}) == 5
        assert passive[1].inputs["selection"].identity.stage == "query"
    found = stages(everything(plan.cycles.evaluation(*ONE)).values())
    assert found.count("learn") == 2 * (1 + 2 + 2)
    assert found.count("query") == 2 * 4


@pytest.mark.parametrize(
    "study", sorted(path.stem for path in (WORKFLOW / "studies").glob("*.yaml"))
)
def test_only_pools_learners_and_evaluations_read_labels(tmp_path, study):
    """Samplers see tables; of labels the oracle's answers alone, and where they declare it."""
    plan = Plan(load({"scale": "smoke", "studies": [study]}, [], WORKFLOW), Store(tmp_path))
    readers = set()
    for name, run in plan.recipes.get("studies", study).runs.items():
        if not plan.data.judged(run.pool):
            continue
        for seed in run.encoder_seeds:
            ends = []
            if run.encoder is not None:
                ends.append(plan.encoders.probed(run.pool, run.encoder, seed, run.probe))
            if run.samplers or run.queried:
                ends.append(plan.cycles.evaluation(study, name, seed))
            for end in ends:
                for one in everything(end).values():
                    if any(made.identity.stage == "labels" for made in one.inputs.values()):
                        readers.add(one.identity.stage)
    assert readers <= {"pool", "learn", "evaluate", "probe", "labels"}


def test_a_learner_that_asks_for_losses_is_given_the_model_of_the_cycle_before(tmp_path):
    run = {"learner": "joint-moby-digits", "queried": ["highest-loss"], "budgets": [10, 20, 30]}
    plan = plan_of(tmp_path, run)
    first, second, third = (
        model(plan, "highest-loss", 0, budget, ONE, "joint-moby-digits") for budget in (10, 20, 30)
    )
    assert "before" not in first.inputs
    assert second.inputs["before"].key == first.key
    assert third.inputs["before"].key == second.key
    asked = plan.cycles.asked(at("highest-loss", 0, 20, ONE))
    assert asked.identity.recipe["outputs"] == {"scores": ["candidates"]}


def test_outliers_that_return_are_told_by_the_labels_that_were_bought(tmp_path):
    run = {"queried": ["random", "max-entropy"], "budgets": [10, 20]}
    plain = plan_of(tmp_path / "plain", run)
    plan = plan_of(tmp_path / "returned", run | {"outliers": "returned"})
    for sampler in run["queried"]:
        query = plan.cycles.query(at(sampler, 0, 20, ONE))
        assert query.identity.recipe["outliers"] == "returned"
        first = model(plan, sampler, 0, 10, ONE, "classifier-digits")
        assert query.inputs["known"].key == first.key
        usual = plain.cycles.query(at(sampler, 0, 20, ONE))
        assert "outliers" not in usual.identity.recipe
        assert "known" not in usual.inputs
    assert first.key == model(plain, "random", 0, 10, ONE, "classifier-digits").key
