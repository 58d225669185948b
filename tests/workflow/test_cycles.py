"""A study with cycles, built for real at smoke scale on handwritten digits."""

import re

import pandas as pd

STUDY = """\
title: Cycles
runs:
  digits:
    pool: digits
    encoder: pca-512
    samplers: [random]
    queried: [core-set, vaal-digits]
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
    assert (planned["cycle"], planned["select"]) == (4, 1)
    assert "pretrain" not in planned
    fresh.snakemake(table, config=CONFIG)
    metrics = pd.read_csv(fresh.folder / table)
    picked = metrics[metrics["metric"] == "picked"].groupby(["sampler", "budget"])["value"].sum()
    samplers = ("random", "core-set", "vaal-digits")
    assert picked.to_dict() == {(name, budget): budget for name in samplers for budget in (20, 40)}
    first = metrics[metrics["budget"] == 20].drop(columns="sampler")
    parts = [part.reset_index(drop=True) for _, part in first.groupby(metrics["sampler"])]
    for other in parts[1:]:
        pd.testing.assert_frame_equal(parts[0], other)  # one classifier stands for all
    assert fresh.planned(table, config=CONFIG) == {}


def test_cycles_of_a_trial_share_a_submission_to_a_cluster(fresh):
    study = STUDY.replace("[20, 40]", "[20, 40, 60, 80]").replace("trials: 1", "trials: 2")
    (fresh.folder / "workflow/studies/cycles.yaml").write_text(study)
    table = "results/tables/cycles/metrics.csv"
    said = fresh.snakemake("--profile", "slurm", "-n", table, config=CONFIG).stdout
    found = re.findall(r"Group job cycles-cycles-digits-seed0-(\S+)-trial(\d)-0", said)
    expected = [(name, trial) for name in ("core-set", "random", "vaal-digits") for trial in "01"]
    assert sorted(found) == expected
    alone = re.findall("^rule cycle:.*?budget=(\\d+)", said, re.MULTILINE | re.DOTALL)
    assert alone == ["20", "20"]  # the first ones of both trials, which all samplers go on from


def test_jobs_that_wait_for_no_encoder_are_not_held_up_on_a_cluster(fresh):
    study = STUDY.replace("queried: [core-set, vaal-digits]", "queried: [core-set]")
    study = study.replace("encoder: pca-512", "encoder: byol-digits").replace(
        "tables:",
        "  vae: {pool: digits, encoder: vae-digits, samplers: [k-centre, random], trials: 1, "
        "budgets: [20]}\ntables:",
    )
    (fresh.folder / "workflow/studies/cycles.yaml").write_text(study)
    table = "results/tables/cycles/metrics.csv"
    said = fresh.snakemake("--profile", "slurm", "-n", table, config=CONFIG).stdout
    parts = [part.split("\n[")[0] for part in said.split("Group job ")[1:]]
    groups = {part.split()[0]: re.findall(r"output: (\S+)", part) for part in parts}
    found = {name: jobs for name, jobs in groups.items() if name.startswith(("select", "embed"))}
    selected = "results/selection/cycles"
    assert {name: sorted(jobs) for name, jobs in found.items()} == {
        "select-digits-none": [f"{selected}/{run}/seed0/random.json" for run in ("digits", "vae")],
        "select-digits-vae-digits": [f"{selected}/vae/seed0/k-centre.json"],
        "embed-digits-vae-digits": ["results/embeddings/digits/vae-digits/seed0/frozen.json"],
    }
