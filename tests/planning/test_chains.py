"""Cycles that share a submission to a cluster."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from coldstart.config.load import load
from coldstart.planning.chains import LONGEST, Chains, divide
from coldstart.planning.cycles import Cycle
from coldstart.planning.plan import Plan
from coldstart.store import Store
from tests.helpers.clones import ROOT

BUDGETS = [10, 20, 30, 40, 50]
RUN = {
    "pool": "digits",
    "encoder": "pca-512",
    "learner": "classifier-digits",
    "samplers": ["random", "k-centre"],
    "queried": ["core-set"],
    "trials": 2,
    "budgets": BUDGETS,
}


@pytest.fixture
def chains(tmp_path, monkeypatch):
    """Makes the chains of a run whose cycles take so many minutes, within so many allowed ones."""

    def make(minutes, allowed, **changes):
        monkeypatch.delenv("COLDSTART_MINUTES", raising=False)
        if allowed is not None:
            monkeypatch.setenv("COLDSTART_MINUTES", str(allowed))
        root = tmp_path / "workflow"
        (root / "studies").mkdir(parents=True)
        (root / "recipes").symlink_to(ROOT / "workflow/recipes")
        study = {"title": "Chains", "runs": {"digits": RUN | changes}}
        (root / "studies/chains.yaml").write_text(yaml.safe_dump(study))
        plan = Plan(load({"studies": ["chains"]}, [], root), Store(tmp_path / "store"))
        return Chains(plan.cycles, lambda at: minutes)

    return make


def at(sampler, budget, trial=0, seed=0):
    return Cycle("chains", "digits", seed, sampler, trial, budget)


def groups(chains, sampler, trial=0):
    return [chains.group(at(sampler, budget, trial)) for budget in BUDGETS]


@given(st.lists(st.integers(1, 50)), st.integers(1, 100))
def test_parts_are_as_long_as_they_may_be(minutes, most):
    parts = divide(enumerate(minutes), most)
    assert [budget for part in parts for budget in part] == [*range(len(minutes))]
    took = [sum(minutes[budget] for budget in part) for part in parts]
    for number, part in enumerate(parts):
        assert took[number] <= most or len(part) == 1
        if number:
            assert took[number - 1] + minutes[part[0]] > most


def test_chain_has_all_cycles_of_a_trial_but_the_first_that_samplers_share(chains):
    found = chains(10, 1440)
    first, *others = groups(found, "core-set")
    assert first is None
    assert groups(found, "random")[0] is None
    assert len(set(others)) == 1
    assert len({*others, *groups(found, "core-set", trial=1)[1:], *groups(found, "random")}) == 4
    assert len(set(groups(found, "k-centre"))) == 1
    assert None not in groups(found, "k-centre")


def test_long_cycles_are_divided_among_chains(chains):
    found = chains(LONGEST // 2, 0)
    names = groups(found, "k-centre")
    assert names[0] == names[1] != names[2] == names[3]
    assert names[4] is None  # alone, and so no group


def test_cycles_that_take_long_have_jobs_of_their_own(chains):
    assert set(groups(chains(LONGEST, 0), "k-centre")) == {None}


@pytest.mark.parametrize("allowed", [None, 60])  # no cluster; little time
def test_there_are_no_chains_without_a_cluster_that_gives_them_time(chains, allowed):
    assert set(groups(chains(10, allowed), "k-centre")) == {None}


def test_times_of_a_chain_do_not_exceed_what_the_partition_allows(chains):
    found = chains(10, 1440)
    assert found.longest(at("k-centre", 10)) == 1440 // 5
    assert found.longest(at("core-set", 20)) == 1440 // 4
    assert found.longest(at("random", 10)) == 1440


def test_no_limit_of_the_partition_limits_no_cycle(chains):
    assert chains(10, 0).longest(at("k-centre", 10)) == 0


def test_retry_of_a_chain_fits_the_partition(chains):
    found = chains(60, 13 * 60)  # a third of it holds four cycles
    names = groups(found, "k-centre")
    assert len(set(names[:4])) == 1
    assert names[4] is None
