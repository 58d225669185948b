"""Claims that the runs of a study cannot answer."""

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.claims import Side

STUDY = "studies/zero-shot.yaml"
CLAIMS = ("tables", "claims", "claims")
OURS = {"runs": ["moco-v2"], "sampler": "k-centre"}
RANDOM = {"runs": ["baselines"], "sampler": "random"}
CLAIM = {"says": "So it is.", "ours": OURS, "direction": "above", "other": RANDOM}
RANK = {"runs": ["baselines"], "sampler": "random", "metric": "rank-by-top-1"}
MISTAKES = {
    "a run that is not there": (
        {"ours": OURS | {"runs": ["moco"]}},
        ["ours.runs: shows no run `moco`", "did you mean `moco-v2`"],
    ),
    "a sampler that the run has not": (
        {"other": RANDOM | {"sampler": "k-centre"}},
        ["other.sampler: run `baselines` has no sampler `k-centre`", "core-set, random"],
    ),
    "a query that the run has not": (
        {"other": RANDOM | {"sampler": "coreset"}},
        ["other.sampler", "did you mean `core-set`"],
    ),
    "a budget that the run has not": (
        {"budgets": [5000, 6000, 7500]},
        ["budgets: run `moco-v2` has no budget 6000", "run `baselines` has no budget 6000"],
    ),
    "budgets of another run": (
        {"budgets": {"baselines": [5000]}},
        ["budgets: names `baselines`, but the runs of `ours` are `moco-v2`"],
    ),
    "a budget by run that the run has not": (
        {"budgets": {"moco-v2": [6000]}},
        ["budgets: run `moco-v2` has no budget 6000"],
    ),
    "a metric of a class without one": (
        {"ours": OURS | {"metric": "picked"}},
        ["ours.label: `picked` has a value for each class: say of which"],
    ),
    "a rank of a class without one": (
        {"other": 3, "ours": RANK | {"metric": "rank-by-average-precision"}},
        ["ours.label: `average-precision` has a value for each class"],
    ),
    "a class of a metric that has none": (
        {"other": RANDOM | {"label": 3}},
        ["other.label: `top-1` has no values by class: leave it out"],
    ),
    "a class that the set has not": (
        {"ours": OURS | {"metric": "picked", "label": 10}, "other": 0.1},
        ["ours.label: `cifar10` has classes 0 to 9"],
    ),
    "a metric that is none": (
        {"ours": OURS | {"metric": "top-4"}},
        ["ours.metric: run `moco-v2` does not measure `top-4`; did you mean `top-"],
    ),
    "a metric by which nothing is compared": (
        {"ours": OURS | {"metric": "outliers"}},
        ["ours.metric: `outliers` is a number of images"],
    ),
    "a rank by picks": (
        {"other": 3, "ours": RANK | {"metric": "rank-by-picked", "label": 3}},
        ["ours.metric: `picked` is a number of images"],
    ),
    "alike without a margin": (
        {"direction": "alike"},
        ["margin: `alike` needs one above nought"],
    ),
    "a rank against an accuracy": (
        {"ours": RANK, "other": RANDOM | {"sampler": "core-set"}},
        ["other.metric: is not that of `ours`, `rank-by-top-1`"],
    ),
    "a side against itself": ({"other": OURS}, ["other: is the same as `ours`"]),
    "a rank among one": (
        {"ours": OURS | {"metric": "rank-by-top-1"}, "other": 2},
        ["ours.runs: has no other sampler"],
    ),
    "the best of no others": ({"other": "best-other"}, ["ours.runs: has no other sampler"]),
    "a sampler that one of the runs has not": (
        {"ours": {"runs": ["moco-v2", "baselines"], "sampler": "k-centre"}, "other": "best-other"},
        ["ours.sampler: run `baselines` has no sampler `k-centre`"],
    ),
    "more runs than the other side": (
        {"ours": OURS | {"runs": ["moco-v2", "simclr"]}},
        ["other.runs: are not as many"],
    ),
    "what is no side": ({"other": "best"}, ["other: `best` is not known", "best-other"]),
    "a side with an unknown key": (
        {"other": RANDOM | {"run": "baselines"}},
        ["other.run: unknown key", "did you mean `runs`"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_claim_that_its_runs_cannot_answer_is_refused(tree, name):
    change, words = MISTAKES[name]
    tree.change(STUDY, *CLAIMS, to={"mine": CLAIM | change})
    tree.change(STUDY, "scales", to={})
    with pytest.raises(ColdstartError) as error:
        tree.load(studies="zero-shot")
    lines = str(error.value).splitlines()[1:]
    for word in words:
        assert any(word in line for line in lines), lines
    place = "workflow/studies/zero-shot.yaml: tables.claims.claims.mine."
    assert all(line.strip().startswith(place) for line in lines), lines


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("budgets", [5000], "budgets: is missing, and runs `moco-v2` and `baselines` have"),
        ("trials", 4, "other.runs: run `baselines` has another number of `trials`"),
    ],
)
def test_claim_about_runs_that_do_not_pair_is_refused(tree, key, value, words):
    tree.change(STUDY, *CLAIMS, to={"mine": CLAIM})
    tree.change(STUDY, "scales", to={})
    for target in ("statistics", "findings"):
        tree.change(STUDY, "tables", target, "runs", to=["moco-v2", "simclr"])
    tree.change(STUDY, "figures", to={})
    tree.change(STUDY, "runs", "baselines", key, to=value)
    with pytest.raises(ColdstartError) as error:
        tree.load()
    assert f"tables.claims.claims.mine.{words}" in str(error.value)


def test_claim_pairs_equal_encoder_seeds_or_one_with_several(tree):
    tree.change(STUDY, "figures", to={})
    tree.change(STUDY, "scales", to={})
    tree.change(STUDY, "tables", to={"claims": {"kind": "claims", "title": "It", "claims": {}}})
    tree.change(STUDY, *CLAIMS, to={"mine": CLAIM})
    tree.change(STUDY, "runs", "moco-v2", "encoder_seeds", to=[0, 1])
    tree.load()
    tree.change(STUDY, "runs", "baselines", "encoder_seeds", to=[2, 1])
    with pytest.raises(ColdstartError, match=r"run `baselines` has other `encoder_seeds` than"):
        tree.load()
    tree.change(STUDY, "runs", "baselines", "encoder_seeds", to=[1, 0])
    tree.load()


def test_best_other_needs_runs_with_the_same_samplers(tree):
    study = "studies/byol-samplers.yaml"
    claim = {
        "says": "So it is.",
        "ours": {"runs": ["stl10", "stl10-pca"], "sampler": "random"},
        "direction": "above",
        "other": "best-other",
    }
    tree.change(study, *CLAIMS, to={"mine": claim})
    with pytest.raises(ColdstartError, match=r"mine\.ours\.runs: have different samplers"):
        tree.load()
    claim["ours"]["runs"] = ["stl10", "svhn"]
    tree.change(study, *CLAIMS, to={"mine": claim})
    tree.load()


def test_claim_has_the_budgets_of_its_scale(tree):
    tree.add("studies/zero-shot.yaml")
    for scale, budgets in (("paper", [20000]), ("cpu", [2000]), ("smoke", [128])):
        study = tree.load(scale=scale).recipes.get("studies", "zero-shot")
        claim = study.tables["claims"].claims["core-set-cats"]
        assert claim.budgets == budgets
        assert claim.other == 0.1
        assert claim.sides == [
            Side(runs=["baselines"], sampler="core-set", metric="picked", label=3)
        ]
