import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.budget_area import BudgetArea
from coldstart.config.recipes.figures.critical_difference import CriticalDifference
from coldstart.config.recipes.figures.findings import Findings
from coldstart.config.recipes.figures.paired_differences import PairedDifferences
from coldstart.config.recipes.figures.penalty_matrix import PenaltyMatrix
from coldstart.config.recipes.figures.statistics import Statistics
from coldstart.figures import (
    budget_area,
    critical_difference,
    findings,
    paired_differences,
    penalty_matrix,
    statistics,
)
from coldstart.figures.style import looks, styled

SAMPLERS = ["random", "kmeans", "k-centre", "loss-mean"]
BUDGETS = (10, 20, 40, 80, 160)
DIAGRAM = CriticalDifference(kind="critical-difference", title="Ranks")
MATRIX = PenaltyMatrix(kind="penalty-matrix", title="Penalties")
AREA = BudgetArea(kind="budget-area", title="Area")
DIFFERENCES = PairedDifferences(kind="paired-differences", title="Gain", baseline="random")
TABLE = Statistics(kind="statistics", title="Pairs")
SENTENCES = Findings(kind="findings", title="Findings")


def drawn(studio, run="main", samplers=SAMPLERS, encoder_seeds=2):
    """Steps of 0.1 between samplers but the last two, which are alike; one has a single trial."""
    studio.run(run, samplers, encoder=f"encoder-{run}")
    rng = np.random.default_rng(len(run))
    level = {"random": 0.2, "kmeans": 0.3, "k-centre": 0.4, "loss-mean": 0.4}
    for encoder_seed in range(encoder_seeds):
        rows = [
            (sampler, seed, budget, "top-1", None, level[sampler] + rng.normal(0, 0.02))
            for sampler in samplers
            for seed in range(1 if sampler == "loss-mean" else 3)
            for budget in BUDGETS
        ]
        studio.metrics(run, encoder_seed, rows)
    return studio


def _metrics_and(table, rows):
    """Writes a table of metrics with more rows."""
    more = pd.DataFrame(rows, columns=table.columns).astype({"label": "Int64"})
    return lambda out: pd.concat([table, more]).to_parquet(out / "metrics.parquet", index=False)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def note(figure):
    return " ".join(figure._supxlabel.get_text().split())


@pytest.mark.parametrize("test", ["wilcoxon-holm", "nemenyi"])
def test_diagram_joins_samplers_that_the_test_does_not_separate(studio, test):
    target = DIAGRAM.model_copy(update={"test": test})
    figure, numbers = critical_difference.draw(drawn(studio).shown(), target)
    table = numbers.set_index("sampler")
    assert table.loc["random", "average_rank"] == 4
    assert table.loc["kmeans", "average_rank"] == 3
    first, second = table.index[:2]
    assert {first, second} == {"k-centre", "loss-mean"}
    assert table.loc[first, f"p {second}"] > 0.05
    assert table.loc["random", f"p {first}"] < 0.05
    assert table["blocks"].tolist() == [10] * 4
    # Ten blocks tell neighbours on the line apart by Wilcoxon's test and not by Nemenyi's.
    joined = table["cliques"].to_dict()
    if test == "wilcoxon-holm":
        assert joined == {first: "1", second: "1", "kmeans": "", "random": ""}
        assert "Wilcoxon's signed-rank test with Holm's correction" in note(figure)
        assert numbers["critical_difference"].isna().all()
    else:
        assert joined["random"] in joined["kmeans"]
        assert joined["random"] not in joined[first]
        assert any(text.startswith("critical difference 1.48") for text in texts(figure))
    assert "10 blocks (run, encoder seed, number of labels)" in note(figure)
    assert "not independent" in note(figure)
    names = [looks([sampler])[sampler].name for sampler in table.index]
    assert all(any(name in text for text in texts(figure)) for name in names)


def test_nemenyi_joins_all_samplers_if_friedman_does_not_reject(studio):
    names = [f"own-{at}" for at in range(12)]
    values = np.random.default_rng(9).random((5, 12))
    values[:, 0] += 0.45
    values[:, -1] -= 0.45
    rows = [
        (name, 0, budget, "top-1", None, value)
        for budget, row in zip(BUDGETS, values, strict=True)
        for name, value in zip(names, row, strict=True)
    ]
    studio.run("main", names).metrics("main", 0, rows)
    target = DIAGRAM.model_copy(update={"test": "nemenyi"})
    figure, numbers = critical_difference.draw(studio.shown(), target)
    assert numbers["p"].iloc[0] > 0.05
    assert numbers.set_index("sampler").loc["own-0", "p own-11"] < 0.05
    assert numbers["cliques"].tolist() == ["1"] * 12
    assert "so no pair is tested" in note(figure)


def test_diagram_of_few_blocks_has_a_note(studio):
    figure, _ = critical_difference.draw(
        drawn(studio).shown(), DIAGRAM.model_copy(update={"budgets": [10, 20]})
    )
    assert "4 blocks are too few to tell any pair apart" in note(figure)


@pytest.mark.parametrize(("count", "blocks"), [(2, 1), (3, 2), (5, 2), (13, 5)])
def test_bar_of_the_critical_difference_fits_with_few_blocks(studio, count, blocks):
    names = [f"a-sampler-of-mine-{at}" for at in range(count)]
    rng = np.random.default_rng(0)
    rows = [(s, 0, b, "top-1", None, rng.random()) for s in names for b in BUDGETS[:blocks]]
    studio.run("main", names).metrics("main", 0, rows)
    with styled():
        target = DIAGRAM.model_copy(update={"test": "nemenyi"})
        figure, numbers = critical_difference.draw(studio.shown(), target)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        (bar,) = axes.containers
        ends = bar.lines[2][0].get_segments()[0][:, 0]
        right = axes.transData.transform((ends[1], 0))[0]
        boxes = [text.get_window_extent() for text in axes.texts]
    assert ends.tolist() == pytest.approx([1, 1 + numbers["critical_difference"].iloc[0]])
    low, high = axes.get_xlim()
    assert low < ends[0]
    assert ends[1] < high
    assert boxes[-1].x0 > right + 3 * figure.dpi / 72  # the cap's half
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.width


def test_bars_do_not_touch():
    ranks = pd.Series({"a": 1.0, "b": 2.0, "c": 2.1, "d": 3.0, "e": 4.0})
    groups = [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"]]
    assert critical_difference._levels(groups, ranks) == [0, 1, 2, 0]
    ranks["c"] = 2.5
    assert critical_difference._levels([["a", "b"], ["c", "d"]], ranks) == [0, 0]


@pytest.mark.parametrize("count", [2, 5, 13])
def test_names_in_a_diagram_do_not_overlap(studio, count):
    names = [f"a-sampler-of-mine-{at}" for at in range(count)]
    studio.run("main", names)
    rng = np.random.default_rng(0)
    rows = [(s, 0, b, "top-1", None, rng.random()) for s in names for b in BUDGETS]
    studio.metrics("main", 0, rows)
    with styled():
        figure, _ = critical_difference.draw(studio.shown(), DIAGRAM)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in axes.texts]
        boxes += [figure._suptitle.get_window_extent(), figure._supxlabel.get_window_extent()]
    for at, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:at])
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.width
        assert box.y0 >= 0
        assert box.y1 <= figure.bbox.height


def test_matrix_has_winners_in_rows_and_means_at_its_sides(studio):
    figure, numbers = penalty_matrix.draw(drawn(studio).shown(), MATRIX)
    table = numbers.set_index(["winner", "loser"])
    assert table.loc[("kmeans", "random"), "penalty"] == 1
    assert table.loc[("random", "kmeans"), "penalty"] == 0
    (axes,) = figure.axes
    shown = {
        (round(text.get_position()[1] - 0.5, 2), round(text.get_position()[0] - 0.5, 2)): (
            text.get_text()
        )
        for text in axes.texts
    }
    assert shown[1, 0] == "1.00"
    assert shown[0, 1] == "0.00"
    assert (0, 0) not in shown
    beats = np.mean([table.loc[("kmeans", s), "penalty"] for s in SAMPLERS if s != "kmeans"])
    beaten = np.mean([table.loc[(s, "kmeans"), "penalty"] for s in SAMPLERS if s != "kmeans"])
    last = len(SAMPLERS) + penalty_matrix.GAP
    assert shown[1, last] == f"{beats:.2f}"
    assert shown[last, 1] == f"{beaten:.2f}"
    assert [t.get_text() for t in axes.get_yticklabels()][-1] == "is beaten"
    assert [t.get_text() for t in axes.get_xticklabels()][-1] == "beats"


def test_matrix_of_single_trials_is_grey(studio):
    studio.run("main", ["loss-mean", "loss-var"])
    rows = [(s, 0, b, "top-1", None, b / 200) for s in ("loss-mean", "loss-var") for b in BUDGETS]
    studio.metrics("main", 0, rows)
    figure, numbers = penalty_matrix.draw(studio.shown(), MATRIX)
    assert numbers["penalty"].isna().all()
    assert texts(figure) == []
    assert "there is no test" in note(figure)


def test_matrix_names_samplers_that_it_cannot_test(studio):
    drawn(studio, encoder_seeds=1)
    rows = [("loss-var", 0, budget, "top-1", None, 0.5) for budget in BUDGETS]
    table = studio.shown().metrics[["sampler", "trial", "budget", "metric", "label", "value"]]
    studio.run("main", [*SAMPLERS, "loss-var"], encoder="encoder-main")
    studio._publish("metrics/main/0", _metrics_and(table, rows), {"more": True})
    figure, numbers = penalty_matrix.draw(studio.shown(), MATRIX)
    table = numbers.set_index(["winner", "loser"])
    assert np.isnan(table.loc[("loss-var", "loss-mean"), "penalty"])
    assert "over 3 trials" in note(figure)
    assert note(figure).endswith("Grey: both have one trial.")
    assert "nan" not in texts(figure)


def test_areas_are_shown_on_both_axes_with_the_best_sampler_on_top(studio):
    drawn(studio)
    figure, numbers = budget_area.draw(drawn(studio, "other", SAMPLERS[:2], 1).shown(), AREA)
    pd.testing.assert_frame_equal(numbers, budget_area.tabulate(studio.shown(), AREA))
    of_main = numbers[numbers["run"] == "main"]
    assert of_main["axis"].tolist() == ["linear"] * 4 + ["log"] * 4
    assert of_main["draws"].tolist() == [6, 6, 6, 2] * 2
    assert of_main["area"].to_numpy() == pytest.approx([0.2, 0.3, 0.4, 0.4] * 2, abs=0.02)
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "encoder main: over the number of labels",
        "encoder main: over its logarithm",
        "encoder other: over the number of labels",
        "encoder other: over its logarithm",
    ]
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert names[2:] == ["k-means", "Random"]
    assert [t.get_text() for t in figure.axes[2].get_yticklabels()] == ["k-means", "Random"]


def test_differences_are_paired_and_averaged_over_blocks(studio):
    figure, table = paired_differences.draw(drawn(studio).shown(), DIFFERENCES)
    pd.testing.assert_frame_equal(table, paired_differences.tabulate(studio.shown(), DIFFERENCES))
    assert table["sampler"].unique().tolist() == SAMPLERS[1:]
    of_kmeans = table[table["sampler"] == "kmeans"].set_index("budget")
    metrics = studio.shown().metrics.pivot_table(
        index=["encoder_seed", "trial", "budget"], columns="sampler", values="value"
    )
    expected = (metrics["kmeans"] - metrics["random"]).unstack("budget")
    for budget in BUDGETS:
        assert of_kmeans.loc[budget, "difference"] == pytest.approx(expected[budget].mean())
        assert of_kmeans.loc[budget, "blocks"] == 6
        interval = ttest_1samp(expected[budget], 0).confidence_interval()
        assert of_kmeans.loc[budget, ["low", "high"]].tolist() == pytest.approx(tuple(interval))
    average = table[(table["sampler"] == "kmeans") & table["budget"].isna()].iloc[0]
    assert average["difference"] == pytest.approx(expected.to_numpy().mean())
    interval = ttest_1samp(expected.mean(axis=1), 0).confidence_interval()
    assert average[["low", "high"]].tolist() == pytest.approx(tuple(interval))
    assert "95 % t-intervals" in figure.get_supxlabel().replace("\n", " ")
    assert figure.axes[0].get_title(loc="left").startswith(f"k-means\n{average['difference']:+.3f}")


def test_samplers_with_one_trial_have_a_block_per_encoder(studio):
    target = DIFFERENCES.model_copy(update={"baseline": "loss-mean"})
    studio.run("main", ["random", "loss-mean", "loss-var"])
    for encoder_seed in (0, 1):
        rows = [
            (sampler, seed, 10, "top-1", None, 0.1 * encoder_seed + 0.01 * seed)
            for sampler in ("random", "loss-mean", "loss-var")
            for seed in range(4 if sampler == "random" else 1)
        ]
        studio.metrics("main", encoder_seed, rows)
    table = paired_differences.tabulate(studio.shown(), target)
    blocks = table.groupby("sampler")["blocks"].unique().map(list).to_dict()
    assert blocks == {"random": [8], "loss-var": [2]}
    assert table.set_index("sampler").loc["loss-var", "low"].isna().all()
    draws = target.model_copy(update={"block": ["trial"]})
    table = paired_differences.tabulate(studio.shown(), draws).set_index("sampler")
    assert table["blocks"].to_dict() == {"random": 4, "loss-var": 1}
    assert table.loc["loss-var", "difference"].tolist() == [0, 0]


def test_table_of_pairs_names_the_better_sampler(studio):
    table = statistics.tabulate(drawn(studio).shown(), TABLE).set_index(["first", "second"])
    assert len(table) == 6
    assert table.loc[("random", "kmeans"), "decision"] == "kmeans is better"
    assert table.loc[("k-centre", "loss-mean"), "decision"] == "not told apart"
    assert table.loc[("random", "kmeans"), "mean_difference"] == pytest.approx(-0.1, abs=0.02)


def test_findings_use_the_display_names_of_samplers(studio):
    table = findings.tabulate(drawn(studio).shown(), SENTENCES)
    assert table.columns.tolist() == ["topic", "sentence"]
    said = table.set_index("topic")["sentence"]
    assert "better than" in said["best sampler"]
    assert "k-means" in said["best sampler"]
    assert "5 of 6 pairs" in said["pairs"]
    assert "share their encoder" in said["blocks"]


@pytest.mark.parametrize(
    ("module", "target"),
    [
        (critical_difference.draw, DIAGRAM),
        (penalty_matrix.draw, MATRIX),
        (paired_differences.draw, DIFFERENCES),
        (statistics.tabulate, TABLE),
        (findings.tabulate, SENTENCES),
    ],
)
def test_runs_with_different_samplers_are_refused(studio, module, target):
    drawn(drawn(studio), "other", SAMPLERS[:3])
    with pytest.raises(ColdstartError, match="main and other have different samplers"):
        module(studio.shown(), target)


def test_missing_values_are_reported(studio):
    drawn(studio)
    table = studio.shown().metrics
    lost = (table["sampler"] == "kmeans") & (table["budget"] == 40) & (table["encoder_seed"] == 0)
    kept = table[(table["encoder_seed"] == 0) & ~lost]
    del studio.keys["metrics/main/0"]
    columns = ["sampler", "trial", "budget", "metric", "label", "value"]
    studio.metrics("main", 7, kept[columns].to_numpy().tolist())
    with pytest.raises(ColdstartError, match=r"kmeans \(run main, encoder seed 7, 40 labels\)"):
        critical_difference.draw(studio.shown(), DIAGRAM)
