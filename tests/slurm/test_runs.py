"""Whole runs on a cluster: what is submitted, how they end early, and two of them at once."""

import json
import re
import signal
import subprocess
import sys

import pytest
import yaml

GPU_JOBS = ("byol-digits", "embed")


def minutes(limit):
    hours, minutes, _ = limit.split(":")
    return int(hours) * 60 + int(minutes)


@pytest.fixture(scope="session")
def accounts(tmp_path_factory):
    """The cluster keeps no accounts; Snakemake's check of an account's name asks this."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "sacctmgr").write_text("#!/bin/sh\necho lab\n")
    (folder / "sacctmgr").chmod(0o755)
    return folder


def test_quickstart_is_built_by_few_jobs_with_what_its_rules_ask_for(fresh, cluster, accounts):
    clone = fresh("clone")
    run = clone.start(
        PATH=f"{accounts}:{cluster.environment['PATH']}",
        COLDSTART_SLURM_ACCOUNT="lab",
        COLDSTART_SLURM_PARTITION="main",
        COLDSTART_SLURM_GPU_MODEL="a100",
        COLDSTART_SLURM_GPUS="2",
    )
    clone.finish(run, 900)
    study = yaml.safe_load((clone.folder / "workflow/studies/quickstart.yaml").read_text())
    drawn = {path.stem for path in clone.folder.glob("results/figures/quickstart/*.svg")}
    assert drawn == set(study["figures"])
    jobs = clone.job("")
    # The study has 32 jobs; the pretraining and what is computed with it use a GPU.
    assert len(jobs) <= 8, [job["Comment"] for job in jobs]
    assert {job["Account"] for job in jobs} == {"lab"}
    for job in jobs:
        gpu = any(name in job["Comment"] for name in GPU_JOBS)
        assert job["Partition"] == ("gpu" if gpu else "main")
        # For PCA, whose rule may use a GPU and whose job does not, "none of that type" is asked.
        # A training asks for two, and so may a group of jobs that have one each.
        asked = re.fullmatch(r"gres:gpu:a100:(\d)", job.get("TresPerJob", "gres:gpu:a100:0"))
        most = 2 if gpu else 0
        assert (1 if gpu else 0) <= int(asked[1]) <= most
        if "pretrain" in job["Comment"]:
            assert int(asked[1]) == most
            assert job["NumNodes"] == "1"
        assert 1 <= int(job["NumCPUs"]) <= 4
    for block in clone.output.read_text().split("\n[")[1:]:
        if "rule pretrain:" not in block:
            continue
        encoder = re.search(r"encoder=([\w-]+)", block)[1]
        [job] = clone.job(encoder)
        mem, cpus = (re.search(rf"{name}=(\d+)", block)[1] for name in ("mem_mb", "cpus_per_task"))
        assert re.search(rf"cpu={cpus},mem={mem}M", job["TRES"]), job["TRES"]
        assert minutes(job["TimeLimit"]) == int(re.search(r"runtime=(\d+)", block)[1])


@pytest.mark.quick
def test_request_above_every_node_is_reported_before_submission(fresh):
    clone = fresh("clone")
    clone.edit("workflow/coldstart/planning/resources.py", '"plain": 400', '"plain": 400_000')
    run = clone.start()
    assert run.wait() != 0
    said = clone.output.read_text()
    assert re.search(r"needs about 40\d{4} MB, and the largest node has \d+ MB", said)
    assert clone.job("") == []


@pytest.mark.quick
def test_refused_group_of_jobs_is_reported_in_the_terminal(fresh):
    clone = fresh("clone")
    run = clone.start(
        "results/data/pools/digits.json", "--set-resources", "pool:slurm_partition=no"
    )
    assert run.wait() != 0
    said = clone.output.read_text()
    assert "SLURM refuses a job: sbatch: error: invalid partition specified: no" in said
    assert clone.job("") == []


def test_after_a_kill_one_command_recovers_and_nothing_is_trained_twice(clone):
    run, epoch = clone.train()
    run.kill()
    run.wait()
    [orphan] = clone.unfinished()
    recover = [sys.executable, "-m", "coldstart.running.slurm"]
    subprocess.run(recover, cwd=clone.folder, env=clone.environment(), check=True)
    assert clone.unfinished() == []
    clone.finish(clone.start(clone.pretrained))
    clone.assert_resumed(epoch)
    killed, done = clone.job("pretrain")
    assert (killed["JobId"], killed["JobState"]) == (orphan["JobId"], "CANCELLED")
    assert done["JobState"] == "COMPLETED"


@pytest.mark.quick
def test_recovery_leaves_the_jobs_of_other_clones_alone(clone, cluster):
    other = cluster.run(
        "sbatch", "--parsable", "--job-name=coldstart-00000000_x", "--output=/dev/null",
        "--wrap=sleep 300",
    )  # fmt: skip
    recover = [sys.executable, "-m", "coldstart.running.slurm"]
    done = subprocess.run(
        recover, cwd=clone.folder, env=clone.environment(), check=True, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.stdout.startswith("0 jobs")
    assert other in cluster.run("squeue", "--noheader", "--format=%A").split()


@pytest.mark.quick
def test_ctrl_c_ends_the_jobs_and_they_stay_ended(clone, cluster):
    clone.set_epochs(1200)  # on a busy machine Ctrl-C takes longer than a short training
    run, _ = clone.train()
    run.send_signal(signal.SIGINT)
    assert run.wait(180) != 0
    clone.wait_for(lambda: clone.unfinished() == [])
    [job] = clone.job("pretrain")
    assert (job["JobState"], job["Restarts"]) == ("CANCELLED", "0")
    assert "stopped by SIGTERM" in clone.log()  # its state is saved
    assert "goes back into the queue" not in clone.log()
    clone.finish(clone.start("--dry-run", clone.pretrained))  # not locked


def test_two_clones_with_one_store_make_one_object_of_each_key(fresh, tmp_path):
    store = tmp_path / "store"
    clones = [fresh("one"), fresh("two")]
    config = ("scale=smoke", f"store={store}")
    runs = [clone.start(clone.pretrained, config=config) for clone in clones]
    for clone, run in zip(clones, runs, strict=True):
        clone.finish(run)
    names = [
        {str(path.relative_to(clone.folder)): json.loads(path.read_text()) for path in pointers}
        for clone in clones
        for pointers in [
            [*clone.folder.glob("results/data/**/*.json"), clone.folder / clone.pretrained]
        ]
    ]
    assert names[0] == names[1]
    keys = sorted(pointer["key"] for pointer in names[0].values())
    assert sorted(path.parent.name for path in store.glob("objects/*/*/manifest.json")) == keys


@pytest.mark.quick
@pytest.mark.parametrize(
    ("partition", "message"),
    [
        ("", "no default partition. Name one in COLDSTART_SLURM_PARTITION"),
        ("mian", "no partition mian. It has: cancel, gpu, low, main, short."),
    ],
)
def test_unknown_partition_is_reported_before_anything_runs(fresh, cluster, partition, message):
    cluster.run("scontrol", "update", "PartitionName=main", "Default=NO")
    try:
        clone = fresh("clone")
        run = clone.start("--dry-run", COLDSTART_SLURM_PARTITION=partition)
        assert run.wait(60) == 1
    finally:
        cluster.run("scontrol", "update", "PartitionName=main", "Default=YES")
    assert f"Error: this cluster has {message}" in clone.output.read_text()


@pytest.mark.quick
def test_site_file_names_what_the_environment_does_not(clone):
    clone.set_epochs(2)
    site = clone.folder / "profiles/slurm/site.yaml"
    site.write_text("acount: lab\n")
    assert clone.start("--dry-run").wait(60) == 1
    assert "unknown key: acount" in clone.output.read_text()
    site.write_text("partition: low\ngpu_partition: short\ngpu_model: a100\n")
    config = ("scale=smoke", "device=cpu")  # so that no job needs a GPU
    clone.finish(clone.start(clone.pretrained, config=config))
    [job] = clone.job("pretrain")
    assert job["Partition"] == "low"
    assert job["TresPerJob"] == "gres:gpu:a100:0"
