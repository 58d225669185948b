import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.figures.average_rank import AverageRank
from coldstart.config.recipes.figures.claims import Claims
from coldstart.figures import average_rank, claims
from coldstart.figures.draw import write_table
from coldstart.statistics import ALPHA
from coldstart.statistics.intervals import mean_interval
from tests.helpers.jobs import script_job

GAIN = [0.08, 0.09, 0.10, 0.11, 0.12]
"""Advantage of k-means over random in each of five trials."""
RANDOM, KMEANS = ({"runs": ["main"], "sampler": name} for name in ("random", "kmeans"))


def publish(studio, run, values, encoder_seed=0, metric="top-1", label=None):
    """Publish values by sampler, budget and trial."""
    rows = [
        (sampler, seed, budget, metric, label, value)
        for sampler, of_budgets in values.items()
        for budget, draws in of_budgets.items()
        for seed, value in enumerate(draws)
    ]
    return studio.metrics(run, encoder_seed, rows)


@pytest.fixture
def main(studio):
    """Five trials at two budgets; at the second, k-means is better by another 0.1."""
    studio.run("main", ["random", "kmeans"])
    random = {10: [0.30, 0.32, 0.31, 0.29, 0.33], 20: [0.4, 0.41, 0.42, 0.43, 0.44]}
    kmeans = {
        budget: [value + gain + budget / 100 - 0.1 for value, gain in zip(draws, GAIN, strict=True)]
        for budget, draws in random.items()
    }
    return publish(studio, "main", {"random": random, "kmeans": kmeans})


def check(studio, **claim):
    """The row of one claim."""
    claim = {"says": "So it is.", "direction": "above", "other": RANDOM} | claim
    target = Claims(kind="claims", title="Claims", claims={"it": claim})
    (row,) = claims.tabulate(studio.shown(), target).to_dict("records")
    return row


def test_interval_is_over_trials_averaged_over_budgets(main):
    row = check(main, ours=KMEANS)
    gains = np.array(GAIN) + 0.05
    assert row["difference"] == pytest.approx(gains.mean())
    assert (row["low"], row["high"]) == pytest.approx(mean_interval(gains))
    assert (row["ours"], row["other"]) == pytest.approx((0.515, 0.365))
    assert (row["blocks"], row["block"]) == (5, "trial")
    assert (row["claim"], row["against"]) == ("So it is.", "random (main), top-1")
    assert row["at"] == ""


@pytest.mark.parametrize(
    ("claim", "holds", "asked"),
    [
        ({}, "yes", "above"),
        ({"direction": "below"}, "no", "below"),
        ({"margin": 0.1}, "yes", "above by 0.1"),
        ({"margin": 0.15}, "undecided", "above by 0.15"),
        ({"margin": 0.2}, "no", "above by 0.2"),
        ({"direction": "below", "margin": -0.2}, "yes", "at most 0.2 above"),
        ({"direction": "below", "margin": -0.1}, "no", "at most 0.1 above"),
        ({"direction": "alike", "margin": 0.2}, "yes", "alike within 0.2"),
        ({"direction": "alike", "margin": 0.15}, "undecided", "alike within 0.15"),
        ({"direction": "alike", "margin": 0.1}, "no", "alike within 0.1"),
        ({"other": 0.4}, "yes", "above"),
        ({"other": 0.6}, "no", "above"),
        ({"other": 0.515}, "undecided", "above"),
    ],
)
def test_claim_holds_if_its_interval_is_beyond_the_margin(main, claim, holds, asked):
    row = check(main, ours=KMEANS, **claim)
    assert (row["holds"], row["asked"]) == (holds, asked)


def test_claims_below_and_alike_are_decided_like_those_above(main):
    said = [
        check(main, ours=RANDOM, other=KMEANS, direction=direction, margin=margin)["holds"]
        for direction, margin in (
            ("below", 0),
            ("above", 0),
            ("below", 0.15),
            ("above", -0.2),
            ("alike", 0.1),
            ("alike", 0.2),
        )
    ]
    assert said == ["yes", "no", "undecided", "yes", "no", "yes"]


def test_only_the_budgets_of_the_claim_count(main):
    assert check(main, ours=KMEANS, budgets=[20])["difference"] == pytest.approx(0.2)
    assert check(main, ours=KMEANS, budgets={"main": [10]})["difference"] == pytest.approx(0.1)


def test_claim_about_each_budget_is_judged_at_its_worst_budget(studio):
    studio.run("main", ["random", "kmeans"])
    random = {budget: [0.2, 0.3, 0.25, 0.35] for budget in (10, 20, 40)}
    gains = {10: [0.05, 0.04, 0.06, 0.05], 20: [-0.02, -0.011, -0.025, -0.032], 40: [0.3] * 4}
    kmeans = {b: [r + g for r, g in zip(random[b], gains[b], strict=True)] for b in random}
    publish(studio, "main", {"random": random, "kmeans": kmeans})
    assert check(studio, ours=KMEANS)["holds"] == "yes"
    row = check(studio, ours=KMEANS, each=True)
    assert (row["holds"], row["at"], row["blocks"]) == ("no", "20 labels", 4)
    assert (row["low"], row["high"]) == pytest.approx(mean_interval(np.array(gains[20]), ALPHA / 3))
    assert row["low"] < mean_interval(np.array(gains[20]))[0]
    assert row["difference"] == pytest.approx(-0.022)
    row = check(studio, ours=KMEANS, each=True, budgets=[10, 40])
    assert (row["holds"], row["at"]) == ("yes", "10 labels")
    row = check(studio, ours=KMEANS, each=True, margin=0.05)
    assert (row["holds"], row["at"]) == ("no", "20 labels")
    row = check(studio, ours=KMEANS, each=True, margin=0.05, budgets=[10, 40])
    assert (row["holds"], row["at"]) == ("undecided", "10 labels")
    row = check(studio, ours=RANDOM, other=KMEANS, each=True, direction="below")
    assert (row["holds"], row["at"]) == ("no", "20 labels")
    row = check(studio, ours=RANDOM, other=KMEANS, each=True, direction="below", budgets=[10, 40])
    assert (row["holds"], row["at"]) == ("yes", "10 labels")
    for margin in (0.1, 0.01):
        row = check(studio, ours=KMEANS, each=True, direction="alike", margin=margin)
        assert (row["holds"], row["at"]) == ("no", "40 labels")


def test_budgets_are_the_blocks_if_there_are_too_few_trials(studio):
    studio.run("main", ["loss-mean", "loss-var"])
    var = {10: [0.3], 20: [0.5], 40: [0.6], 80: [0.9]}
    mean = {10: [0.2], 20: [0.3], 40: [0.3], 80: [0.5]}
    for seed in (0, 1):
        publish(studio, "main", {"loss-mean": mean, "loss-var": var}, encoder_seed=seed)
    asked = {
        "ours": {"runs": ["main"], "sampler": "loss-var"},
        "other": {"runs": ["main"], "sampler": "loss-mean"},
    }
    row = check(studio, **asked)
    assert (row["holds"], row["blocks"], row["block"]) == ("yes", 4, "number of labels")
    assert (row["low"], row["high"]) == pytest.approx(mean_interval(np.array([0.1, 0.2, 0.3, 0.4])))
    row = check(studio, **asked, budgets=[20])
    assert (row["holds"], row["blocks"]) == ("undecided", 1)
    assert np.isnan(row["low"])
    assert check(studio, **asked, each=True)["holds"] == "undecided"
    publish(studio, "main", {"loss-mean": mean, "loss-var": var}, encoder_seed=2)
    row = check(studio, **asked)
    assert (row["blocks"], row["block"]) == (3, "encoder seed")


def test_share_of_a_class_is_compared_with_a_number(studio):
    studio.run("main", ["k-centre"])
    rows = [
        ("k-centre", seed, budget, "picked", label, budget * share)
        for seed, cats in enumerate([0.12, 0.13, 0.14])
        for budget in (100, 1000)
        for label, share in ((3, cats), (4, 1 - cats))
    ]
    studio.metrics("main", 0, rows)
    cats = {"runs": ["main"], "sampler": "k-centre", "metric": "picked", "label": 3}
    row = check(studio, ours=cats, other=0.1, budgets=[1000])
    assert (row["holds"], row["against"], row["blocks"]) == ("yes", "0.1", 3)
    assert (row["ours"], row["difference"]) == pytest.approx((0.13, 0.03))
    assert check(studio, ours={**cats, "label": 4}, other=0.9)["holds"] == "no"


SETS = {"one": [0.9, 0.8, 0.7], "two": [0.5, 0.6, 0.4], "three": [0.9, 0.1, 0.2]}
"""Accuracies of three samplers on three data sets."""


@pytest.fixture
def sets(studio):
    """Three sets, of which the first has one budget more."""
    samplers = ["loss-var", "random", "kmeans"]
    for run, levels in SETS.items():
        studio.run(run, samplers, pool=run)
        budgets = (10, 20, 40) if run == "one" else (10, 20)
        values = {
            sampler: {b: [level] if sampler == "loss-var" else [level - 0.01, level + 0.01]}
            for sampler, level in zip(samplers, levels, strict=True)
            for b in [budgets[0]]
        }
        for sampler in samplers:
            values[sampler] |= dict.fromkeys(budgets, values[sampler][budgets[0]])
        publish(studio, run, values)
    return studio


def test_ranks_equal_the_average_rank_and_are_compared_with_the_best_other(sets):
    ours = {"runs": [*SETS], "sampler": "loss-var", "metric": "rank-by-top-1"}
    asked = {"ours": ours, "other": "best-other", "direction": "below"}
    row = check(sets, **asked, budgets=[10, 20])
    target = AverageRank(kind="average-rank", title="Ranks", budgets=[10, 20])
    ranks = average_rank.tabulate(sets.shown(), target).set_index("sampler")["average_rank"]
    assert row["ours"] == pytest.approx(ranks["loss-var"])
    assert row["other"] == pytest.approx(ranks["random"])
    assert row["against"] == "random, the best other"
    assert row["difference"] == pytest.approx(np.mean([-1, 1, -2]))
    assert (row["blocks"], row["block"]) == (3, "run")
    assert row["holds"] == "undecided"
    of_three = check(sets, **asked)  # the first set's third number of labels counts no more
    assert of_three["difference"] == pytest.approx(row["difference"])
    last = ours | {"sampler": "kmeans"}
    assert check(sets, **asked | {"ours": last, "direction": "above"})["against"] == (
        "loss-var, the best other"
    )


def test_best_other_has_the_best_mean_over_runs(sets):
    row = check(sets, ours={"runs": [*SETS], "sampler": "kmeans"}, other="best-other")
    assert row["against"] == "loss-var, the best other"
    assert row["other"] == pytest.approx(np.mean([0.9, 0.5, 0.9]))
    assert row["difference"] == pytest.approx(np.mean([-0.2, -0.1, -0.7]))
    assert (row["blocks"], row["block"]) == (6, "run, trial")
    row = check(sets, ours={"runs": [*SETS], "sampler": "loss-var"}, other="best-other")
    assert row["against"] == "random, the best other"  # though it is not, on the third set
    row = check(sets, ours={"runs": ["two"], "sampler": "kmeans"}, other="best-other")
    assert row["against"] == "random, the best other"


def test_runs_of_both_sides_pair_in_order(sets):
    first = {"runs": ["one", "two"], "sampler": "random"}
    row = check(sets, ours=first, other=first | {"runs": ["two", "three"]}, budgets=[10])
    assert row["difference"] == pytest.approx(np.mean([0.8 - 0.6, 0.6 - 0.1]))
    row = check(sets, ours=first, other=first | {"runs": ["two", "three"]}, each=True, budgets=[20])
    assert row["at"] == "20 labels of one"


@pytest.mark.parametrize("turned", [False, True])
def test_single_encoder_pairs_with_each_encoder_of_the_other_run(studio, turned):
    studio.run("byol", ["random"]).run("pca", ["random"], encoder="pca-512")
    for seed, better in enumerate([0.1, 0.2, 0.3]):
        values = {"random": {10: [0.5 + better, 0.6 + better]}}
        publish(studio, "byol", values, encoder_seed=seed)
    publish(studio, "pca", {"random": {10: [0.5, 0.6]}}, encoder_seed=7)
    byol, pca = ({"runs": [run], "sampler": "random"} for run in ("byol", "pca"))
    sides = {"ours": pca, "other": byol} if turned else {"ours": byol, "other": pca}
    row = check(studio, **sides, direction="below" if turned else "above")
    assert row["holds"] == "yes"
    assert abs(row["difference"]) == pytest.approx(0.2)
    assert (row["blocks"], row["block"]) == (6, "encoder seed, trial")


def test_average_precision_of_one_class_is_compared(studio):
    studio.run("main", ["random", "kmeans"])
    rows = [
        (sampler, seed, 10, "average-precision", label, value + seed / 100)
        for seed in range(3)
        for sampler, label, value in (
            ("random", 0, 0.1),
            ("random", 1, 0.9),
            ("kmeans", 0, 0.2),
            ("kmeans", 1, 0.5),
        )
    ]
    studio.metrics("main", 0, rows)
    rare = {"metric": "average-precision", "label": 0}
    row = check(studio, ours=KMEANS | rare, other=RANDOM | rare)
    assert (row["holds"], row["against"]) == ("yes", "random (main), average-precision of class 0")
    assert row["difference"] == pytest.approx(0.1)
    both = check(studio, ours=KMEANS | rare, other=KMEANS | rare | {"label": 1})
    assert both["difference"] == pytest.approx(-0.3)


def test_missing_value_is_reported_with_its_side(main):
    table = main.shown().metrics
    lost = (table["sampler"] == "kmeans") & (table["budget"] == 20) & (table["trial"] == 3)
    columns = ["sampler", "trial", "budget", "metric", "label", "value"]
    del main.keys["metrics/main/0"]
    main.metrics("main", 4, table.loc[~lost, columns].to_numpy().tolist())
    with pytest.raises(ColdstartError, match=r"kmeans \(main\), top-1 \(run main, .* 20 labels\)"):
        check(main, ours=KMEANS)


def test_table_is_written_from_the_params_of_a_job(main, tmp_path):
    told = {"says": "So it is.", "ours": KMEANS, "direction": "above", "other": RANDOM}
    target = Claims(
        kind="claims",
        title="Claims",
        claims={
            "one": told,
            "two": told | {"other": 1, "budgets": {"main": [{"from": 10, "to": 20, "step": 10}]}},
            "three": told | {"other": "best-other", "budgets": [10]},
        },
    )
    params = {
        "target": target.model_dump(),
        "keys": main.keys,
        "runs": main.runs,
        "published": [],
    }
    path = tmp_path / "claims.csv"
    write_table(script_job([path], target=params), main.store)
    table = pd.read_csv(path)
    assert table["holds"].tolist() == ["yes", "no", "yes"]
    assert table.columns.tolist() == [
        *("claim", "holds", "asked", "against", "ours", "other", "difference", "low", "high"),
        *("blocks", "block", "at"),
    ]
