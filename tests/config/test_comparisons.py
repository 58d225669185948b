"""Comparisons and examples that the runs of a study cannot show are refused."""

import pytest

from coldstart.common.errors import ColdstartError

STUDY = "studies/quickstart.yaml"
DIFFERENCES = {"kind": "paired-differences", "title": "Gain", "baseline": "random"}
AREA = {"kind": "budget-area", "title": "Area"}
RANK = {"kind": "average-rank", "title": "Ranks", "runs": ["byol"]}
EXAMPLES = {
    "kind": "class-examples",
    "title": "Digits",
    "runs": ["byol"],
    "sampler": "kmeans",
    "budget": 40,
    "label": 0,
    "show": "tested",
}
MISTAKES = {
    "runs with different samplers": (
        ("figures", "critical-difference", {"kind": "critical-difference", "title": "Ranks"}),
        ["figures.critical-difference.runs", "name runs that have the same"],
    ),
    "one sampler": (
        ("figures", "penalty-matrix", "runs", ["pca"]),
        ["figures.penalty-matrix.runs", "name a run that has several"],
    ),
    "a baseline that no run has": (
        ("figures", "gain", DIFFERENCES | {"runs": ["byol"], "baseline": "k-means"}),
        ["figures.gain.baseline", "no sampler `k-means`", "did you mean `kmeans`"],
    ),
    "a part of a block that is none": (
        ("figures", "average-rank", "block", ["encoder_seed"]),
        [
            "figures.average-rank.block.0",
            "`encoder_seed` is not known; did you mean `encoder-seed`",
        ],
    ),
    "budgets within blocks of one budget": (
        ("figures", "gain", DIFFERENCES | {"runs": ["byol"], "block": ["run", "budget"]}),
        ["figures.gain.block"],
    ),
    "examples of several runs": (
        ("figures", "digits", EXAMPLES | {"runs": ["byol", "pca"]}),
        ["figures.digits.runs: shows one run: name it"],
    ),
    "examples of another sampler": (
        ("figures", "digits", EXAMPLES | {"sampler": "k-means"}),
        ["figures.digits.sampler: its run has no sampler `k-means`", "did you mean `kmeans`"],
    ),
    "examples at another budget": (
        ("figures", "digits", EXAMPLES | {"budget": 41}),
        ["figures.digits: shows 41 labels"],
    ),
    "examples of another class": (
        ("figures", "digits", EXAMPLES | {"label": 10}),
        ["figures.digits.label: `digits` has classes 0 to 9"],
    ),
    "budgets of a run that is not shown": (
        ("figures", "rank", RANK | {"budgets": {"byol": [40], "pca": [40]}}),
        ["figures.rank.budgets.pca: is no run that is shown; there is byol"],
    ),
    "budgets of a run that is none": (
        ("figures", "area", AREA | {"budgets": {"byol": [10, 40], "pca": [10, 40], "pac": [40]}}),
        ["figures.area.budgets.pac: is no run that is shown; did you mean `pca`"],
    ),
    "budgets of some runs": (
        ("figures", "area", AREA | {"budgets": {"byol": [10, 40]}}),
        ["figures.area.budgets: says nothing of run `pca`"],
    ),
    "budgets by run that the run has not": (
        ("figures", "rank", RANK | {"budgets": {"byol": [40, 41]}}),
        ["figures.rank.budgets.byol: the run has no budget 41"],
    ),
    "budgets that are none": (
        ("figures", "rank", RANK | {"budgets": 40}),
        ["figures.rank.budgets: should be a valid list, but is 40"],
    ),
    "budgets by run that are none": (
        ("figures", "rank", RANK | {"budgets": {"byol": [0]}}),
        ["figures.rank.budgets.byol.0", "greater than or equal to 1"],
    ),
    "an area over one budget": (
        ("figures", "area", AREA | {"budgets": [40]}),
        ["figures.area.runs", "two budgets or more"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_comparison_that_its_runs_lack_is_refused(tree, name):
    (*path, value), words = MISTAKES[name]
    tree.change(STUDY, *path, to=value)
    with pytest.raises(ColdstartError) as error:
        tree.load(studies="quickstart")
    message = str(error.value)
    assert all(word in message for word in ["workflow/studies/quickstart.yaml", *words]), message
    assert message.startswith("1 mistake in"), message


SERIES = {"title": "Both", "series": "run-and-sampler"}
TOGETHER = {
    "of several pools": (
        {"pool": "digits"},
        "compares runs with each other: name runs of one pool",
    ),
    "of other encoder seeds": (
        {"encoder_seeds": [1]},
        "compares runs with each other: name runs with the same `encoder_seeds`",
    ),
    "at other budgets": (
        {"budgets": [10, 20]},
        "compares runs with each other: name `budgets` that all have",
    ),
    "of one name": ({"title": "Mine"}, "two are called `Mine random`"),
}


@pytest.mark.parametrize("kind", ["statistics", "budget-area"])
@pytest.mark.parametrize("name", TOGETHER)
def test_series_of_runs_that_differ_are_refused(tree, name, kind):
    change, words = TOGETHER[name]
    tree.change(STUDY, "figures", to={})
    tree.change(STUDY, "tables", to={"both": {"kind": kind} | SERIES})
    tree.change(STUDY, "runs", "byol", "title", to="Mine")
    tree.change(STUDY, "runs", "byol", "encoder_seeds", to=[0])
    tree.load(studies="quickstart")
    for key, value in change.items():
        tree.change(STUDY, "runs", "pca", key, to=value)
    with pytest.raises(ColdstartError) as error:
        tree.load(studies="quickstart")
    assert f"tables.both.runs: {words}" in str(error.value)


COMPARED = {
    "average-rank": {},
    "statistics": {},
    "findings": {},
    "critical-difference": {},
    "penalty-matrix": {},
    "paired-differences": {"baseline": "random"},
}
FIGURES = ("critical-difference", "penalty-matrix")


def show_both(tree, kind, **more):
    """Replace all figures and tables by one comparison of both runs, with equal encoder seeds."""
    folder = "figures" if kind in FIGURES else "tables"
    for one in ("figures", "tables"):
        tree.change(STUDY, one, to={})
    tree.change(STUDY, folder, to={"both": {"kind": kind} | SERIES | more})
    tree.change(STUDY, "runs", "byol", "encoder_seeds", to=[0])


@pytest.mark.parametrize("kind", COMPARED)
def test_comparison_of_a_single_series_is_refused(tree, kind):
    show_both(tree, kind, runs=["pca"], **COMPARED[kind])
    with pytest.raises(ColdstartError, match=r"1 mistake(.|\s)*both\.runs: .*two or more"):
        tree.load(studies="quickstart")
    tree.change(STUDY, "runs", "pca", "samplers", to=["random", "kmeans"])
    tree.load(studies="quickstart")


def test_area_of_a_single_series_is_accepted(tree):
    show_both(tree, "budget-area", runs=["pca"])
    tree.load(studies="quickstart")


DRAWS = {"block": ["encoder-seed", "trial"]}
PAIRED = {
    "statistics": DRAWS,
    "critical-difference": DRAWS,
    "penalty-matrix": {},
    "paired-differences": {"baseline": "BYOL digits random"},
}


@pytest.mark.parametrize("kind", PAIRED)
def test_paired_comparison_needs_equal_numbers_of_trials(tree, kind):
    show_both(tree, kind, **PAIRED[kind])
    tree.load(studies="quickstart")
    tree.change(STUDY, "runs", "pca", "trials", to=3)
    with pytest.raises(ColdstartError, match=r"1 mistake(.|\s)*both\.runs: .*`trials`"):
        tree.load(studies="quickstart")
    tree.change(STUDY, "runs", "pca", "trials", to=1)
    tree.load(studies="quickstart")


def test_unequal_numbers_of_trials_are_accepted_where_means_are_compared(tree):
    tree.change(STUDY, "runs", "pca", "trials", to=3)
    show_both(tree, "statistics")
    tree.load(studies="quickstart")
    show_both(tree, "statistics", **DRAWS)
    tree.change(STUDY, "runs", "pca", "samplers", to=["facility-location"])  # no draw in it
    tree.load(studies="quickstart")


def test_budgets_that_a_run_lacks_are_refused(tree):
    tree.change(STUDY, "runs", "pca", "budgets", to=[5, 6])
    tree.change(STUDY, "figures", to={"area": AREA | {"budgets": [10, 20]}})
    with pytest.raises(ColdstartError, match=r"area\.budgets: are none of run `pca`"):
        tree.load(studies="quickstart")


def test_class_examples_need_a_logistic_regression(tree):
    examples = EXAMPLES | {"runs": ["moco-v2"], "sampler": "k-centre", "budget": 20000}
    tree.change("studies/zero-shot.yaml", "figures", "examples", to=examples)
    with pytest.raises(ColdstartError, match=r"figures\.examples\.runs: shows what a logistic"):
        tree.load(scale="paper")


def test_tested_examples_need_a_pool_with_a_test_split(tree):
    splits = {
        "unlabeled": {"part": "all", "per": "part"},
        "candidates": {"part": "all", "per": "part"},
    }
    pool = {"operator": "split", "dataset": "digits", "splits": splits}
    tree.change("recipes/pools.yaml", "no-test", to=pool)
    tree.change(STUDY, "runs", "byol", "pool", to="no-test")
    tree.change(STUDY, "tables", to={})
    tree.change(STUDY, "figures", to={"digits": EXAMPLES | {"show": "picked"}})
    tree.load(studies="quickstart")
    tree.change(STUDY, "figures", to={"digits": EXAMPLES})
    with pytest.raises(ColdstartError, match="`no-test` has no split `test`"):
        tree.load(studies="quickstart")


@pytest.mark.parametrize("scale", ["paper", "cpu", "smoke"])
def test_comparison_with_runs_is_accepted(tree, scale):
    tree.change(STUDY, "figures", "gain", to=DIFFERENCES | {"runs": ["byol"]})
    tree.change(STUDY, "figures", "area", to=AREA)
    blocks = {"kind": "findings", "title": "Findings", "runs": ["byol"], "block": ["encoder-seed"]}
    tree.change(STUDY, "tables", "findings", to=blocks)
    tree.load(studies="quickstart", scale=scale)
