"""Runs by their titles, samplers of several runs side by side, and numbers of labels by run."""

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.average_rank import AverageRank
from coldstart.config.recipes.figures.budget_area import BudgetArea
from coldstart.config.recipes.figures.budget_curve import BudgetCurve
from coldstart.config.recipes.figures.paired_differences import PairedDifferences
from coldstart.config.recipes.figures.penalty_matrix import PenaltyMatrix
from coldstart.config.recipes.figures.statistics import Statistics
from coldstart.config.recipes.metrics.top_k import TopK
from coldstart.config.recipes.runs import Run
from coldstart.config.recipes.targets import ShownRun
from coldstart.figures import (
    average_rank,
    budget_area,
    budget_curve,
    paired_differences,
    penalty_matrix,
    statistics,
)
from coldstart.figures.style import run_titles

SERIES = {"title": "Four", "series": "run-and-sampler"}
FOUR = {
    "MoCo-v2 k-centre": 0.5,
    "SimCLR k-centre": 0.6,
    "random": 0.3,
    "core-set": 0.8,
}
BUDGETS = (10, 20, 40)


@pytest.fixture
def four(studio):
    """Two runs of one sampler, one of them with a title, and one of two whose title is empty."""
    studio.run("moco-v2", ["k-centre"], encoder="moco-v2-zero-shot", title="MoCo-v2")
    studio.run("simclr", ["k-centre"], encoder="simclr", title=None)
    studio.run("baselines", ["random", "core-set"], encoder="pca-512", title="")
    levels = iter(FOUR.values())
    for run, described in studio.runs.items():
        rows = [
            (sampler, seed, budget, "top-1", None, level + seed / 100 + budget / 1000)
            for sampler, level in zip(described["samplers"], levels, strict=False)
            for seed in range(3)
            for budget in BUDGETS
        ]
        studio.metrics(run, 0, rows)
    return studio


def test_run_without_a_title_is_named_by_its_differences():
    pca = {"pool": "digits", "encoder": "pca-512", "title": None}
    byol = {"pool": "digits", "encoder": "byol-resnet18"}
    assert run_titles({"a": {**pca, "title": "Mine"}}) == {"a": "Mine"}
    assert run_titles({"a": {**pca, "title": ""}, "b": byol}) == {"a": "", "b": "BYOL ResNet-18"}
    assert run_titles({"a": pca, "b": {**byol, "title": "Ours"}}) == {"a": "PCA 512", "b": "Ours"}


def test_each_sampler_of_each_run_is_a_series(four):
    target = Statistics(kind="statistics", block=["budget"], **SERIES)
    assert four.shown().samplers(target) == list(FOUR)
    values = four.shown().compared(target)
    assert values["run"].unique().tolist() == ["all"]
    assert values.groupby("sampler")["value"].min().to_dict() == pytest.approx(
        {name: level + 0.01 for name, level in FOUR.items()}
    )
    table = statistics.tabulate(four.shown(), target).set_index(["first", "second"])
    assert len(table) == 6
    for (first, second), row in table.iterrows():
        assert row["mean_difference"] == pytest.approx(FOUR[first] - FOUR[second])
        assert row["blocks"] == 3


def test_every_comparison_accepts_series_of_runs_and_samplers(four):
    shown = four.shown()
    matrix = PenaltyMatrix(kind="penalty-matrix", **SERIES)
    _, numbers = penalty_matrix.draw(shown, matrix)
    won = numbers.set_index(["winner", "loser"])["penalty"]
    assert won["core-set", "random"] == 1
    assert won["random", "MoCo-v2 k-centre"] == 0
    gain = PairedDifferences(kind="paired-differences", baseline="random", **SERIES)
    figure, numbers = paired_differences.draw(shown, gain)
    titles = [axes.get_title(loc="left").splitlines()[0] for axes in figure.axes]
    assert titles == ["MoCo-v2 k-centre", "SimCLR k-centre", "Core-Set"]
    assert numbers["blocks"].unique().tolist() == [3]
    area = BudgetArea(kind="budget-area", **SERIES)
    figure, numbers = budget_area.draw(shown, area)
    assert len(figure.axes) == 2
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names == ["Core-Set", "SimCLR k-centre", "MoCo-v2 k-centre", "Random"]
    ranks = average_rank.tabulate(shown, AverageRank(kind="average-rank", **SERIES))
    assert ranks["sampler"].tolist() == sorted(FOUR, key=FOUR.get, reverse=True)


def test_unknown_baseline_is_reported_with_the_known_series(four):
    target = PairedDifferences(kind="paired-differences", baseline="k-centre", **SERIES)
    with pytest.raises(
        ColdstartError, match=r"`k-centre` is not among .* MoCo-v2 k-centre, SimCLR"
    ):
        paired_differences.draw(four.shown(), target)


@pytest.fixture
def two(studio):
    """Two sets, on which the order of two samplers differs at 10 labels alone."""
    for run, first in (("one", 0.1), ("two", 0.9)):
        studio.run(run, ["random", "kmeans"], pool=run)
        values = [("random", 10, first), ("random", 20, 0.9), ("random", 40, 0.9)]
        rows = [(sampler, 0, budget, "top-1", None, value) for sampler, budget, value in values]
        rows += [("kmeans", 0, budget, "top-1", None, 0.5) for budget in BUDGETS]
        studio.metrics(run, 0, rows)
    return studio


@pytest.mark.parametrize(
    ("budgets", "rank", "blocks"),
    [
        (None, 7 / 6, 6),
        ([10], 1.5, 2),
        ({"one": [10], "two": [20, 40]}, 4 / 3, 3),
        ({"one": [20, 40], "two": [10]}, 1.0, 3),
    ],
)
def test_budgets_may_be_given_for_all_runs_or_by_run(two, budgets, rank, blocks):
    target = AverageRank(kind="average-rank", title="Ranks", budgets=budgets)
    table = average_rank.tabulate(two.shown(), target).set_index("sampler")
    assert table.loc["random", "average_rank"] == pytest.approx(rank)
    assert table["blocks"].tolist() == [blocks] * 2


def test_run_without_any_of_the_budgets_is_reported(two):
    target = AverageRank(kind="average-rank", title="Ranks", budgets={"one": [10], "two": [30]})
    with pytest.raises(ColdstartError, match="budget 30, but runs two have budget 10, 20, 40"):
        average_rank.tabulate(two.shown(), target)


PAPER = """run,sampler,budget,metric,label,value
,random,,,,2.5
,kmeans,,,,1.5
one,random,,,,1.25
one,loss-var,,,,3
"""


def test_levels_are_dashed_lines_without_a_curve(four):
    target = BudgetCurve(
        kind="budget-curve", title="Four", series="run-and-sampler", levels=["simclr"]
    )
    figure, numbers = budget_curve.draw(four.shown(), target)
    (axes,) = figure.axes
    level = numbers[(numbers["run"] == "simclr") & (numbers["budget"] == 40)]["mean"].item()
    across = [line for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert [line.get_ydata()[0] for line in across] == [level]
    assert across[0].get_linestyle() == "--"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[3].startswith("SimCLR")
    assert len(axes.lines) == 4


@pytest.mark.parametrize(
    ("levels", "more", "said"),
    [
        (["simcl"], {}, "shows no run `simcl`; did you mean `simclr`"),
        (["simclr"], {"facet": "run"}, "leave out `facet`"),
        (["simclr", "byol"], {}, "none has a curve"),
    ],
)
def test_levels_that_cannot_be_shown_are_said(levels, more, said):
    target = BudgetCurve(kind="budget-curve", title="Four", levels=levels, **more)
    runs = {
        name: ShownRun(
            Run(pool="digits", budgets=[5]),
            "digits",
            10,
            1,
            False,
            {"top-1": TopK(metric="top-k", k=1)},
        )
        for name in ("simclr", "byol")
    }
    assert any(said in message for _, message in target.problems(runs))


def test_published_ranks_are_of_one_run_or_of_all(two):
    two.paper(PAPER)
    target = AverageRank(kind="average-rank", title="Ranks", published="a-paper")
    figure, table = average_rank.draw(two.shown(), target)
    assert table.set_index("sampler")["paper"].to_dict() == {"random": 2.5, "kmeans": 1.5}
    assert figure._supxlabel.get_text().endswith("Hollow: the paper's.")
    hollow = [line for line in figure.axes[0].get_lines() if line.get_markerfacecolor() == "none"]
    assert sorted(line.get_xdata()[0] for line in hollow) == [1.5, 2.5]
    del two.runs["two"], two.keys["metrics/two/0"]
    figure, table = average_rank.draw(two.shown(), target)
    paper = table.set_index("sampler")["paper"]
    assert paper["random"] == 1.25
    assert paper.isna()["kmeans"]


def test_no_hollow_markers_without_a_published_table(two):
    target = AverageRank(kind="average-rank", title="Ranks")
    figure, table = average_rank.draw(two.shown(), target)
    assert "paper" not in table
    assert "Hollow" not in figure._supxlabel.get_text()
