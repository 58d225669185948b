"""The cost of a study, before any of it is computed."""

import re

import pytest

from coldstart import cli
from coldstart.cli.cost import Sizes, costs
from coldstart.cli.plans import all_of, plan_at, planned_for
from coldstart.store import Store
from tests.store.commands.test_run import run

STUDY = "zero-shot"


@pytest.fixture
def plan(clone):
    return plan_at(Store(clone / "store"), "smoke")[0]


def rows(said):
    found = re.findall(r"^(\w+) +([\d,]+) +([\d,]+) +([\d.,]+) +([\d.,]+) +([\d.,]+)$", said, re.M)
    return {stage: [float(one.replace(",", "")) for one in numbers] for stage, *numbers in found}


def test_plan_counts_artefacts_by_stage_and_trainings_that_are_shared(clone, capsys):
    assert cli.main(["plan", STUDY, "--scale", "smoke"]) == 0
    said = capsys.readouterr().out
    found = rows(said)
    # Four samplers, two trials, three budgets; core-set shares two first cycles with random.
    assert found["learn"][0] == 22
    assert "trainings of learners: 22; 2 of 24 are saved: first cycles are shared" in said
    assert found["pretrain"][0] == 2
    assert found["all"][0] == sum(numbers[0] for stage, numbers in found.items() if stage != "all")
    assert found["learn"][3] == 0


def test_on_a_cpu_networks_cost_hours_of_cores(clone, capsys):
    assert cli.main(["plan", STUDY, "--scale", "smoke", "--device", "cpu"]) == 0
    assert rows(capsys.readouterr().out)["all"][2] == 0


def test_what_the_store_has_costs_nothing(plan, clone):
    ends = planned_for(plan, "quickstart")
    before = {cost.stage: cost for cost in costs(plan, all_of(ends), "gpu")}
    assert run("results/data/digits/images.json") == 0
    after = {cost.stage: cost for cost in costs(plan, all_of(ends), "gpu")}
    assert (before["images"].made, after["images"].made) == (0, 1)
    assert after["images"].cpu_hours == 0 < before["images"].cpu_hours


def test_sizes_are_those_of_images_and_weights(plan):
    facts = plan.data.facts_of("digits")
    assert Sizes().bytes_of(plan.data.images("digits"), facts) == 1797 * 8 * 8
    model = plan.encoders.checkpoint("biased-digits", "byol-digits", 0)
    small = Sizes().bytes_of(model, facts)
    assert 1e4 < small < 1e6


def test_unknown_study_is_named(clone, capsys):
    assert cli.main(["plan", "zero-shoot", "--scale", "smoke"]) == 1
    assert "did you mean `zero-shot`" in capsys.readouterr().err
