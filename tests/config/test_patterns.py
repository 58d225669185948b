import pytest

from coldstart.config.loading.patterns import spell_out_scale, spell_out_targets
from coldstart.config.loading.problems import Problems

RUNS = ["mnist-random", "mnist-vae", "cifar10-vae"]


def scaled(changed):
    problems = Problems()
    return spell_out_scale(changed, RUNS, "study.yaml", "scales.cpu", problems), problems.lines


def test_pattern_of_a_scale_changes_all_runs_that_match():
    found, wrong = scaled({"title": "small", "runs": {"mnist-*": {"trials": 2}}})
    assert found == {
        "title": "small",
        "runs": {"mnist-random": {"trials": 2}, "mnist-vae": {"trials": 2}},
    }
    assert not wrong


def test_later_key_wins_where_several_match():
    changed = {"*": {"trials": 2, "budgets": [5]}, "*-vae": {"trials": 3}, "mnist-vae": {"seed": 1}}
    found, _ = scaled({"runs": changed})
    assert found["runs"] == {
        "mnist-random": {"trials": 2, "budgets": [5]},
        "mnist-vae": {"trials": 3, "budgets": [5], "seed": 1},
        "cifar10-vae": {"trials": 3, "budgets": [5]},
    }


@pytest.mark.parametrize("runs", [{"mnist-random": {"trials": 2}}, {"unknown": {}}, [], None])
def test_whatever_is_no_pattern_stays_as_it_is(runs):
    assert scaled({"runs": runs}) == ({"runs": runs}, [])


def test_pattern_without_a_match_is_a_mistake():
    _, wrong = scaled({"runs": {"mnits-*": {"trials": 2}}})
    assert len(wrong) == 1
    assert wrong[0].startswith("study.yaml: scales.cpu.runs: no run matches `mnits-*`")


def test_patterns_of_a_figure_list_each_run_once_in_the_order_of_the_study():
    figures = {"one": {"runs": ["*-vae", "mnist-*"]}, "two": {"kind": "claims"}, "three": 3}
    study = {"runs": {run: {} for run in RUNS}, "figures": figures}
    found = spell_out_targets(study, "study.yaml", problems := Problems())
    assert found["figures"]["one"]["runs"] == ["mnist-vae", "cifar10-vae", "mnist-random"]
    assert found["figures"] | {"one": 0} == figures | {"one": 0}
    assert not problems.lines


def test_figure_whose_pattern_matches_no_run_is_a_mistake():
    study = {"runs": {run: {} for run in RUNS}, "tables": {"claims": {"runs": ["svhn-*"]}}}
    spell_out_targets(study, "study.yaml", problems := Problems())
    assert problems.lines[0].startswith("study.yaml: tables.claims.runs: no run matches `svhn-*`")
