from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from coldstart.statistics.penalties import penalties

SAMPLERS = ["random", "kmeans", "k-centre"]


def drawn(seed, runs=("m", "n"), encoder_seeds=2, seeds=3, budgets=(10, 20, 40, 80)):
    """`random` and `kmeans` drawn often, `k-centre` once for each encoder; kmeans is better."""
    rng = np.random.default_rng(seed)
    rows = [
        (run, encoder, sampler, draw, budget, rng.normal(0.1 * SAMPLERS.index(sampler), 0.05))
        for run in runs
        for encoder in range(encoder_seeds)
        for sampler in SAMPLERS
        for draw in range(1 if sampler == "k-centre" else seeds)
        for budget in budgets[: 3 if run == "n" else 4]
    ]
    return pd.DataFrame(
        rows, columns=["run", "encoder_seed", "sampler", "trial", "budget", "value"]
    )


def plainly(values, winner, loser):
    """One pair by loops and scipy's paired t-test."""
    total = 0.0
    for _, of_run in values.groupby("run"):
        budgets = of_run["budget"].unique()
        for budget in budgets:
            here = of_run[of_run["budget"] == budget]
            here = here.set_index(["sampler", "encoder_seed", "trial"]).sort_index()
            pairs = []
            for encoder in of_run["encoder_seed"].unique():
                ours, theirs = (here.loc[(s, encoder), "value"] for s in (winner, loser))
                for draw in range(max(len(ours), len(theirs))):
                    pairs.append([one.iloc[draw % len(one)] for one in (ours, theirs)])  # noqa: PERF401
            test = ttest_rel(*np.array(pairs).T)
            total += (test.pvalue < 0.05 and test.statistic > 0) / len(budgets)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_penalties_equal_plain_loops(seed):
    values = drawn(seed)
    table = penalties(values, SAMPLERS).set_index(["winner", "loser"])
    for pair in permutations(SAMPLERS, 2):
        assert table.loc[pair, "penalty"] == pytest.approx(plainly(values, *pair))
    assert 0 < table.loc[("kmeans", "random"), "penalty"] < 2
    assert table["tests"].tolist() == [7] * 6
    assert table.loc[("kmeans", "random"), "draws"] == 6
    assert table.loc[("k-centre", "random"), "draws"] == 6


def test_a_sampler_that_is_always_better_gets_one_for_each_run():
    values = drawn(0)
    better = values["value"] + 5 * (values["sampler"] == "kmeans")
    table = penalties(values.assign(value=better), SAMPLERS).set_index(["winner", "loser"])
    assert table.loc[("kmeans", "random"), "penalty"] == pytest.approx(2)
    assert table.loc[("random", "kmeans"), "penalty"] == 0


def test_samplers_with_one_trial_are_not_tested():
    values = drawn(0, encoder_seeds=1)
    other = values[values["sampler"] == "k-centre"].assign(sampler="loss-mean", value=5.0)
    table = penalties(pd.concat([values, other]), [*SAMPLERS, "loss-mean"])
    table = table.set_index(["winner", "loser"])
    for pair in (("loss-mean", "k-centre"), ("k-centre", "loss-mean")):
        assert np.isnan(table.loc[pair, "penalty"])
        assert table.loc[pair, ["tests", "draws"]].tolist() == [0, 1]
    assert table.loc[("loss-mean", "random"), "penalty"] == pytest.approx(2)


def test_equal_trials_give_no_penalty():
    values = drawn(0)
    table = penalties(values.assign(value=0.5), SAMPLERS)
    assert table["penalty"].tolist() == [0] * 6
