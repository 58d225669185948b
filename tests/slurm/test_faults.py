"""Faults of a cluster: the run ends well, and training resumes where it was."""

import re

import pytest

from tests.slurm.conftest import epoch_in

EVERYTHING = ("--nodes=2", "--exclusive", "--mem=1000", "--output=/dev/null")


@pytest.mark.quick
@pytest.mark.parametrize("partition", ["low", "cancel"])  # PreemptMode=REQUEUE and =CANCEL
def test_preempted_job_is_continued_under_its_number(clone, cluster, partition):
    run, epoch = clone.train(COLDSTART_SLURM_GPU_PARTITION=partition)
    cluster.run("sbatch", "--partition=main", *EVERYTHING, "--wrap=sleep 2")
    clone.finish(run)
    clone.assert_resumed(epoch)
    [job] = clone.job("pretrain")
    assert int(job["Restarts"]) == 1


def test_time_limit_is_survived_by_requeueing_from_the_checkpoint(clone):
    clone.set_epochs(600)  # more than a minute, and SIGTERM comes within the first
    run, _ = clone.train(COLDSTART_SLURM_GPU_PARTITION="short")
    clone.wait_for(lambda: "goes back into the queue" in clone.log())
    epoch = clone.epoch()
    clone.finish(run)
    clone.assert_resumed(epoch, 600)
    [job] = clone.job("pretrain")
    assert int(job["Restarts"]) >= 1
    assert job["TimeLimit"] == "00:02:00"  # the estimate is ten minutes, the partition gives two


def test_out_of_memory_is_retried_with_more(clone):
    clone.edit(
        "profiles/slurm/config.yaml",
        '      ?if rule == "pretrain":\n',
        '      ?if rule == "pretrain":\n        mem_mb: 300 * 5 ** (attempt - 1)\n',
    )
    run = clone.start(clone.pretrained)
    clone.finish(run)
    failed, done = clone.job("pretrain")
    assert (failed["JobState"], done["JobState"]) == ("FAILED", "COMPLETED")
    assert "mem=300M" in failed["TRES"]
    assert "mem=1500M" in done["TRES"]


def test_job_cancelled_by_somebody_is_submitted_again(clone, cluster):
    run, epoch = clone.train()
    cluster.run("scancel", clone.job("pretrain")[0]["JobId"])
    clone.finish(run)
    clone.assert_resumed(epoch)
    cancelled, done = clone.job("pretrain")
    assert (cancelled["JobState"], done["JobState"]) == ("CANCELLED", "COMPLETED")


def test_job_of_a_node_set_down_moves_to_another(clone, cluster):
    run, epoch = clone.train()
    node = clone.job("pretrain")[0]["NodeList"]
    cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    try:
        clone.finish(run)
    finally:
        cluster.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
    clone.assert_resumed(epoch)
    assert clone.job("pretrain")[-1]["NodeList"] != node


def test_job_of_a_node_that_died_moves_to_another(clone, cluster):
    run, _ = clone.train()
    node = clone.job("pretrain")[0]["NodeList"]
    epoch = clone.saved()
    cluster.kill_node(node)
    try:
        clone.finish(run)
    finally:
        cluster.start_node(node)
    clone.assert_resumed(epoch)
    assert clone.job("pretrain")[-1]["NodeList"] != node


CYCLES = """\
title: Cycles
runs:
  digits:
    pool: biased-digits
    encoder: pca-512
    queried: [core-set]
    trials: 1
    budgets: [20, 40, 60, 80]
    learner: classifier-digits
tables:
  metrics: { kind: metrics, title: Metrics }
"""


def test_preempted_chain_of_cycles_is_continued_in_the_cycle_that_it_was_in(clone, cluster):
    (clone.folder / "workflow/studies/cycles.yaml").write_text(CYCLES)
    clone.edit(
        "workflow/recipes/learners.yaml",
        "# The same with dropout",
        "slow:\n  learner: classifier\n  backbone: resnet-tiny\n  views: [digits-weak]\n"
        "  optimizer: { name: sgd, lr: 0.05 }\n  epochs: 120\n  batch_size: 32\n\n"
        "# The same with dropout",
    )
    clone.edit("workflow/studies/cycles.yaml", "classifier-digits", "slow")
    run = clone.start(
        "results/tables/cycles/metrics.csv",
        config=("scale=smoke", "studies=cycles"),
        COLDSTART_SLURM_GPU_PARTITION="low",
    )
    folder = clone.folder / "results/cycles/cycles/digits/seed0/core-set/trial0"
    log = clone.folder / "results/logs/cycles/cycles/digits/seed0/core-set/trial0/budget60.log"
    clone.wait_for((folder / "budget40/model.json").exists)
    clone.wait_for(lambda: log.exists() and epoch_in(log.read_text()) > 20)
    cluster.run("sbatch", "--partition=main", *EVERYTHING, "--wrap=sleep 2")
    clone.finish(run)
    chain, first = sorted(clone.job("cycle"), key=lambda job: "core-set" not in job["Comment"])
    assert (int(chain["Restarts"]), first["JobState"]) == (1, "COMPLETED")
    assert "the store has it already" in log.with_name("budget40.log").read_text()
    resumed = re.search(r"going on after epoch (\d+)", log.read_text())
    assert int(resumed[1]) >= 20
    assert (folder / "budget80/model.json").exists()
