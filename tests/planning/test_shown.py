"""The artefacts that figures read: selections that need no label, and those of cycles."""

import shutil

import pytest
import yaml

from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.planning.plan import Plan
from coldstart.store import Store
from tests.helpers.trees import ROOT

RUN = {"pool": "digits", "learner": "classifier-digits", "trials": 2, "budgets": [10, 20]}
QUERIED = {**RUN, "queried": ["random", "max-entropy"]}
STUDY = {
    "title": "Pools",
    "runs": {
        "random": {**QUERIED, "title": "Random"},
        "loss": {
            **QUERIED,
            "title": "Loss",
            "encoder": "simclr-digits",
            "initial": "loss-mean",
        },
        "cold": {**RUN, "title": "Cold", "samplers": ["random", "k-centre"], "encoder": "pca-512"},
    },
    "figures": {
        "pools": {"kind": "overlap", "title": "Pools", "budgets": [10]},
        "cycles": {
            "kind": "overlap", "title": "Cycles", "of": "cycles", "runs": ["random", "loss"],
            "samplers": ["max-entropy"],
        },
        "map": {
            "kind": "embedding-map", "title": "Map", "budget": 10, "runs": ["random", "loss"],
            "embeddings_of": "loss",
        },
        "curve": {"kind": "budget-curve", "title": "Curve", "samplers": ["max-entropy", "random"]},
    },
}  # fmt: skip


@pytest.fixture
def planned(tmp_path):
    def plan(study=STUDY):
        shutil.copytree(ROOT / "workflow/recipes", tmp_path / "recipes", dirs_exist_ok=True)
        (tmp_path / "studies").mkdir(exist_ok=True)
        (tmp_path / "studies/starts.yaml").write_text(yaml.safe_dump(study))
        return Plan(
            load({"scale": "smoke", "studies": ["starts"]}, [], tmp_path), Store(tmp_path / "store")
        )

    return plan


def samplers(plan, figure):
    runs = plan.figures.target_params("starts", "figures", figure)["runs"]
    return {name: described["samplers"] for name, described in runs.items()}


def test_pools_that_cycles_start_from_are_shown_beside_samplers(planned):
    plan = planned()
    assert set(plan.figures.shown("starts", "figures", "pools")) == {
        "selections/random/0/random",
        "selections/loss/0/loss-mean",
        "selections/cold/0/random",
        "selections/cold/0/k-centre",
    }
    assert samplers(plan, "pools") == {
        "random": ["random"],
        "loss": ["loss-mean"],
        "cold": ["random", "k-centre"],
    }


def test_cycles_are_shown_by_trial_and_budget_and_the_first_is_the_initial_pool(planned):
    plan = planned()
    shown = plan.figures.shown("starts", "figures", "cycles")
    assert set(shown) == {
        f"cycles/{run}/0/max-entropy/{trial}/{budget}"
        for run in ("random", "loss")
        for trial in (0, 1)
        for budget in (10, 20)
    }
    first = plan.cycles.selection("starts", "loss", 0, "loss-mean")
    assert shown["cycles/loss/0/max-entropy/1/10"].key == first.key
    assert shown["cycles/loss/0/max-entropy/1/20"].pointer.endswith("budget20/selection.json")


def test_embeddings_of_one_run_lay_out_the_images_of_all(planned):
    shown = planned().figures.shown("starts", "figures", "map")
    assert [name for name in shown if name.startswith("embeddings")] == ["embeddings/loss/0"]
    assert {"selections/random/0/random", "selections/loss/0/loss-mean"} <= set(shown)


def test_figure_shows_the_samplers_that_it_names(planned):
    assert samplers(planned(), "curve") == {
        "random": ["random", "max-entropy"],
        "loss": ["random", "max-entropy"],
        "cold": ["random"],
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"samplers": ["max-entrpy"]}, "figures.curve.samplers: no run that is shown has `max-ent"),
        (
            {"samplers": ["k-centre"]},
            "figures.curve.samplers: run `random`, which is shown, has no",
        ),
        ({"runs": ["ran*", "c"]}, "figures.curve.runs: the study has no run `c`"),
        ({"runs": ["svhn-*"]}, "figures.curve.runs: no run matches `svhn-*`"),
    ],
)
def test_wrong_samplers_and_patterns_are_said(planned, change, said):
    figures = {**STUDY["figures"], "curve": {**STUDY["figures"]["curve"], **change}}
    with pytest.raises(ColdstartError) as error:
        planned({**STUDY, "figures": figures})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (
            {"kind": "embedding-map", "budget": 10, "runs": ["cold"], "embeddings_of": "loss"},
            "figures.new.embeddings_of: shows no run `loss`",
        ),
        (
            {"kind": "advantage", "baseline": "Rndom", "runs": ["random", "loss"]},
            "figures.new.baseline: no run is titled `Rndom`",
        ),
        (
            {"kind": "advantage", "baseline": "Random"},
            "figures.new.runs: run `cold` has no run titled `Random` beside it",
        ),
        (
            {"kind": "budget-curve", "facet": "sampler", "samplers": ["random"]},
            None,
        ),
    ],
)
def test_figures_that_their_runs_cannot_fill_are_refused(planned, figure, said):
    study = {**STUDY, "figures": {"new": {"title": "New", **figure}}}
    if said is None:
        planned(study)
        return
    with pytest.raises(ColdstartError) as error:
        planned(study)
    assert said in str(error.value)


def test_lines_of_a_panel_need_names_of_their_own(planned):
    runs = {**STUDY["runs"], "again": STUDY["runs"]["random"]}
    figure = {"kind": "budget-curve", "title": "New", "facet": "sampler"}
    with pytest.raises(ColdstartError, match="`again` and `random` are both titled `Random`"):
        planned({**STUDY, "runs": runs, "figures": {"new": figure}})


ASKED = {
    "kind": "embedding-map", "title": "Map", "runs": ["asked"], "asked_by": "core-set", "budget": 20
}  # fmt: skip


def with_map(**changes):
    runs = {"asked": {**RUN, "queried": ["max-entropy", "core-set"], "budgets": [10, 20, 30]}}
    return {**STUDY, "runs": {**STUDY["runs"], **runs}, "figures": {"map": {**ASKED, **changes}}}


def test_map_of_a_learner_shows_what_it_gave_to_the_first_query(planned):
    plan = planned(with_map())
    shown = plan.figures.shown("starts", "figures", "map")
    asked = shown["embeddings/asked/0"]
    assert asked.pointer.endswith("seed0/core-set/trial0/budget20/asked.json")
    assert asked.identity.recipe["outputs"] == {"embeddings": ["candidates"]}
    assert {"cycles/asked/0/max-entropy/0/20", "labels/asked"} <= set(shown)
    assert samplers(plan, "map") == {"asked": ["max-entropy", "core-set"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"asked_by": "coreset"}, "asked_by: run `asked` queries no `coreset`; did you mean"),
        ({"budget": 30}, "budget: is not the second of run `asked`"),
        ({"embeddings_of": "asked"}, "embeddings_of: is an encoder's"),
    ],
)
def test_map_of_a_learner_that_nothing_gives_is_refused(planned, change, said):
    with pytest.raises(ColdstartError) as error:
        planned(with_map(**change))
    assert said in str(error.value)


def test_map_of_a_learner_needs_a_sampler_that_reads_embeddings(planned):
    plan = planned(with_map(asked_by="max-entropy"))
    with pytest.raises(ColdstartError, match="`max-entropy` is given in run `asked`, and it reads"):
        plan.figures.shown("starts", "figures", "map")
