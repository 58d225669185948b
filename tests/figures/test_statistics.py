from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.average_rank import AverageRank
from coldstart.config.recipes.figures.budget_curve import BudgetCurve
from coldstart.config.recipes.figures.metrics import Metrics
from coldstart.config.recipes.figures.picked_classes import PickedClasses
from coldstart.config.recipes.figures.published import Published
from coldstart.figures import average_rank, budget_curve, metrics, picked_classes, published
from coldstart.figures.data import summarise

CURVE = BudgetCurve(kind="budget-curve", title="Curve")
RANK = AverageRank(kind="average-rank", title="Ranks")
PAPER = Published(kind="published", title="Paper", published="a-paper")


def top_1(sampler, budget, *values):
    return [(sampler, seed, budget, "top-1", None, value) for seed, value in enumerate(values)]


@pytest.fixture
def two_seeds(studio):
    """Two encoder seeds; `random` drawn twice for each, `loss-var` once."""
    studio.run("main", ["random", "loss-var"])
    studio.metrics("main", 0, top_1("random", 10, 0.1, 0.3) + top_1("loss-var", 10, 0.5))
    studio.metrics("main", 1, top_1("random", 10, 0.5, 0.7) + top_1("loss-var", 10, 0.4))
    return studio


def row(table, **wanted):
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_mean_and_spread_are_over_all_trials(two_seeds):
    figure, numbers = budget_curve.draw(two_seeds.shown(), CURVE)
    random, loss = row(numbers, sampler="random"), row(numbers, sampler="loss-var")
    sd = np.sqrt((0.3**2 + 0.1**2 + 0.1**2 + 0.3**2) / 3)
    assert random["n"] == 4
    assert random["mean"] == pytest.approx(0.4)
    assert random["sd"] == pytest.approx(sd)
    assert (random["low"], random["high"]) == pytest.approx((0.4 - sd, 0.4 + sd))
    assert (loss["n"], loss["mean"]) == (2, pytest.approx(0.45))
    assert loss["sd"] == pytest.approx(0.1 / np.sqrt(2))
    assert figure.axes[0].get_ylabel() == "top-1 accuracy"


def test_single_trial_has_no_spread():
    summary = summarise(pd.DataFrame({"run": ["a", "b", "b"], "value": [0.5, 0.1, 0.3]}), ["run"])
    assert summary["n"].tolist() == [1, 2]
    assert summary[["sd", "low", "high"]].isna().all(axis=1).tolist() == [True, False]


def test_curve_of_one_class_names_the_class(studio):
    studio.run("main", ["random"], classes=["airplane", "automobile"])
    rows = [("random", 0, 10, "average-precision", c, v) for c, v in ((0, 0.2), (1, 0.9))]
    studio.metrics("main", 0, rows)
    target = BudgetCurve(kind="budget-curve", title="Curve", metric="average-precision", label=1)
    figure, numbers = budget_curve.draw(studio.shown(), target)
    assert numbers["mean"].tolist() == [0.9]
    assert figure.axes[0].get_ylabel() == "average precision of class automobile"


def test_curve_shows_only_the_budgets_asked_for(studio):
    studio.run("main", ["random"])
    studio.metrics("main", 0, top_1("random", 10, 0.1) + top_1("random", 20, 0.2))
    target = BudgetCurve(kind="budget-curve", title="Curve", budgets=[20])
    assert budget_curve.draw(studio.shown(), target)[1]["budget"].tolist() == [20]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metric": "top-5"}, ["metric top-5", "runs main", "top-1"]),
        ({"budgets": [11]}, ["budget 11", "budget 10"]),
        ({"metric": "average-precision", "label": 7}, ["label 7", "label 0, 1"]),
    ],
)
def test_missing_metric_class_or_budget_is_reported_with_the_known_ones(studio, change, words):
    studio.run("main", ["random"])
    rows = [("random", 0, 10, "average-precision", c, 0.5) for c in (0, 1)]
    studio.metrics("main", 0, top_1("random", 10, 0.1) + rows)
    with pytest.raises(ColdstartError) as error:
        budget_curve.draw(studio.shown(), CURVE.model_copy(update=change))
    assert all(word in str(error.value) for word in words)


def test_published_values_are_drawn_in_the_curve(two_seeds):
    two_seeds.paper(
        "run,sampler,budget,metric,label,value\n"
        "main,random,10,top-1,,0.45\n"
        "main,random,80,top-1,,0.6\n"
        "main,random,10,top-2,,0.9\n"
        "other,random,10,top-1,,0.1\n"
    )
    target = CURVE.model_copy(update={"published": "a-paper", "style": "scatter"})
    figure, numbers = budget_curve.draw(two_seeds.shown(), target)
    assert len(numbers) == 3
    assert row(numbers, sampler="random", budget=10)["paper"] == 0.45
    ours_missing = row(numbers, budget=80)
    assert (ours_missing["paper"], ours_missing["n"]) == (0.6, 0)
    assert np.isnan(ours_missing["mean"])
    assert np.isnan(row(numbers, sampler="loss-var")["paper"])
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["Random", "Loss variance", "paper"]
    some = target.model_copy(update={"budgets": [10]})
    assert budget_curve.draw(two_seeds.shown(), some)[1]["budget"].tolist() == [10, 10]


def test_runs_are_named_by_their_encoder(two_seeds):
    two_seeds.run("pca", ["random"], encoder="pca-512")
    two_seeds.metrics("pca", 0, top_1("random", 10, 0.1, 0.2))
    figure, numbers = budget_curve.draw(two_seeds.shown(), CURVE)
    axes = figure.axes[0]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["BYOL digits", "Random", "Loss variance", "PCA 512", "Random"]
    assert [line.get_linestyle() for line in axes.get_lines()] == ["-", "-", "--"]
    assert row(numbers, run="pca")["mean"] == pytest.approx(0.15)


def test_runs_have_colours_of_their_own_if_asked(two_seeds):
    two_seeds.run("pca", ["random"], encoder="pca-512")
    two_seeds.metrics("pca", 0, top_1("random", 10, 0.1, 0.2))
    target = CURVE.model_copy(update={"series": "run-and-sampler"})
    axes = budget_curve.draw(two_seeds.shown(), target)[0].axes[0]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["BYOL digits random", "BYOL digits loss variance", "PCA 512 random"]
    lines = axes.get_lines()
    assert {line.get_linestyle() for line in lines} == {"-"}
    assert len({line.get_color() for line in lines}) == 3


def test_series_at_one_budget_are_shifted_but_not_beyond_the_next_budget():
    budgets = np.array([50, 51, 1000])
    places = [budget_curve._dodged(budgets, budgets, (at + 0.5) / 6 - 0.5) for at in range(6)]
    assert all(np.all(left < right) for left, right in pairwise(places))
    assert places[-1][0] < places[0][1]
    assert np.allclose(np.exp(np.log(places).mean(axis=0)), budgets)


def test_average_rank_is_over_blocks_with_shared_ties(studio):
    studio.run("main", ["random", "kmeans", "loss-var"])
    # 0.1 + 0.2 is not 0.3 in binary: the tie of the first block must still be one.
    studio.metrics(
        "main",
        0,
        top_1("random", 10, 0.1, 0.2)
        + top_1("kmeans", 10, 0.15)
        + top_1("loss-var", 10, 0.9)
        + top_1("random", 20, 0.3, 0.5)
        + top_1("kmeans", 20, 0.4)
        + top_1("loss-var", 20, 0.2),
    )
    studio.metrics(
        "main", 1, top_1("random", 10, 0.9) + top_1("kmeans", 10, 0.5) + top_1("loss-var", 10, 0.1)
    )
    table = average_rank.tabulate(studio.shown(), RANK).set_index("sampler")
    ranks = {"random": [2.5, 1.5, 1], "kmeans": [2.5, 1.5, 2], "loss-var": [1, 3, 3]}
    for sampler, expected in ranks.items():
        assert table.loc[sampler, "average_rank"] == pytest.approx(np.mean(expected))
        assert table.loc[sampler, "sd"] == pytest.approx(np.std(expected, ddof=1))
    assert table.index.tolist() == ["random", "kmeans", "loss-var"]
    assert table["blocks"].tolist() == [3, 3, 3]
    assert table["won"].tolist() == pytest.approx([1.5 / 3, 0.5 / 3, 1 / 3])
    # Student's t with two degrees of freedom is 4.302653 at 97.5 %; ranks end at 1 and 3.
    half = 4.302653 * np.std(ranks["kmeans"], ddof=1) / np.sqrt(3)
    assert table.loc["kmeans", "low"] == pytest.approx(max(1, 2 - half))
    assert table.loc["kmeans", "high"] == pytest.approx(min(3, 2 + half))
    figure, numbers = average_rank.draw(studio.shown(), RANK)
    assert numbers["sampler"].tolist() == ["random", "kmeans", "loss-var"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["Random", "k-means", "Loss variance"]


def test_interval_of_a_rank_is_by_student_t(studio):
    studio.run("main", ["random", "kmeans"])
    budgets = range(10, 26)
    better = [0.9 if budget % 4 else 0.1 for budget in budgets]
    rows = [r for b, v in zip(budgets, better, strict=True) for r in top_1("random", b, v)]
    rows += [r for b in budgets for r in top_1("kmeans", b, 0.5)]
    studio.metrics("main", 0, rows)
    table = average_rank.tabulate(studio.shown(), RANK)
    random = row(table, sampler="random")
    # 16 blocks, rank 2 in four of them; t with 15 degrees of freedom is 2.131450 at 97.5 %.
    sd = np.sqrt((12 * 0.25**2 + 4 * 0.75**2) / 15)
    assert random["average_rank"] == 1.25
    assert random["high"] - 1.25 == pytest.approx(2.131450 * sd / 4, rel=1e-6)
    assert 1.25 - random["low"] == pytest.approx(2.131450 * sd / 4, rel=1e-6)
    assert random["won"] == 0.75


def test_one_block_has_ranks_and_no_interval(studio):
    studio.run("main", ["random", "kmeans"])
    studio.metrics("main", 0, top_1("random", 10, 0.1) + top_1("kmeans", 10, 0.2))
    _, table = average_rank.draw(studio.shown(), RANK)
    assert table["sampler"].tolist() == ["kmeans", "random"]
    assert table["average_rank"].tolist() == [1, 2]
    assert table[["sd", "low", "high"]].isna().all().all()


@pytest.mark.parametrize(
    ("samplers", "words"),
    [(["random", "kmeans"], "runs main and pca"), (["random"], "one sampler")],
)
def test_ranks_of_different_samplers_are_refused(studio, samplers, words):
    studio.run("main", samplers)
    if len(samplers) > 1:
        studio.run("pca", ["random"])
    for run, described in studio.runs.items():
        studio.metrics(run, 0, [r for s in described["samplers"] for r in top_1(s, 10, 0.5)])
    with pytest.raises(ColdstartError, match=words):
        average_rank.tabulate(studio.shown(), RANK)


def test_published_table_is_joined_with_ours(two_seeds):
    two_seeds.metrics("main", 2, [("random", 0, 10, "average-precision", 3, 0.25)])
    two_seeds.paper(
        "run,sampler,budget,metric,label,value\n"
        "main,random,10,top-1,,0.35\n"
        "main,random,10,average-precision,3,0.5\n"
        "main,random,10,average-precision,4,0.5\n"
        "main,kmeans,10,top-1,,0.2\n"
    )
    table = published.tabulate(two_seeds.shown(), PAPER)
    assert table["paper"].tolist() == [0.35, 0.5, 0.5, 0.2]
    assert table["ours"].tolist() == pytest.approx([0.4, 0.25, np.nan, np.nan], nan_ok=True)
    assert table["difference"].tolist() == pytest.approx([0.05, -0.25, np.nan, np.nan], nan_ok=True)
    assert table["n"].tolist() == [4, 1, 0, 0]
    assert table["label"].tolist() == [pd.NA, 3, 4, pd.NA]


def test_the_table_of_metrics_has_every_row(two_seeds):
    table = metrics.tabulate(two_seeds.shown(), Metrics(kind="metrics", title="All"))
    assert len(table) == 6
    assert table.columns.tolist() == [
        *("run", "pool", "encoder", "encoder_seed"),
        *("sampler", "trial", "budget", "metric", "label", "value"),
    ]
    assert row(table, encoder_seed=1, sampler="random", trial=1)["value"] == 0.7


def test_picked_classes_are_counted_by_name(studio):
    studio.run("main", ["random", "kmeans"], classes=["cat", "dog"])
    for seed, (cats, dogs) in enumerate([(3, 7), (6, 4)]):
        rows = [
            (sampler, 0, budget, "picked", label, value)
            for sampler in ("random", "kmeans")
            for budget in (10, 20)
            for label, value in ((0, cats + (sampler == "kmeans")), (1, dogs))
        ]
        studio.metrics("main", seed, rows)
    target = PickedClasses(kind="picked-classes", title="Classes", budget=10)
    figure, numbers = picked_classes.draw(studio.shown(), target)
    assert len(numbers) == 4
    cat = row(numbers, **{"sampler": "kmeans", "class": "cat"})
    assert (cat["mean"], cat["n"], cat["label"]) == (5.5, 2, 0)
    assert [text.get_text() for text in figure.axes[0].texts] == ["4.5", "5.5", "5.5", "5.5"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["cat", "dog"]


def test_runs_without_an_encoder_are_told_apart_by_the_pool(studio):
    for name, pool in (("one", "digits"), ("two", "biased-digits")):
        studio.run(name, ["random"], encoder=None, pool=pool)
        studio.metrics(name, 0, top_1("random", 10, 0.1) + top_1("random", 20, 0.2))
    figure, numbers = budget_curve.draw(studio.shown(), CURVE)
    assert len(numbers) == 4
    assert numbers["encoder"].isna().all()
    words = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "biased digits" in words.lower()
