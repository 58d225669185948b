"""A study with cycles, built for real at smoke scale on handwritten digits."""

import pandas as pd

STUDY = """\
title: Cycles
runs:
  digits:
    pool: digits
    encoder: pca-512
    samplers: [random]
    queried: [core-set]
    trials: 1
    budgets: [20, 40]
    learner: classifier-digits
tables:
  metrics: { kind: metrics, title: Metrics }
"""
CONFIG = ("scale=smoke", "studies=cycles")


def test_cycles_run_and_are_evaluated(fresh):
    (fresh.folder / "workflow/studies/cycles.yaml").write_text(STUDY)
    table = "results/tables/cycles/metrics.csv"
    planned = fresh.planned(table, config=CONFIG)
    assert (planned["cycle"], planned["select"]) == (3, 1)
    assert "pretrain" not in planned
    fresh.snakemake(table, config=CONFIG)
    metrics = pd.read_csv(fresh.folder / table)
    picked = metrics[metrics["metric"] == "picked"].groupby(["sampler", "budget"])["value"].sum()
    assert picked.to_dict() == {
        ("random", 20): 20, ("random", 40): 40, ("core-set", 20): 20, ("core-set", 40): 40
    }  # fmt: skip
    first = metrics[metrics["budget"] == 20].drop(columns="sampler")
    halves = [part.reset_index(drop=True) for _, part in first.groupby(metrics["sampler"])]
    pd.testing.assert_frame_equal(*halves)  # one classifier stands for both
    assert fresh.planned(table, config=CONFIG) == {}
