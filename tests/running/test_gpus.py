import subprocess
import sys
from pathlib import Path
from select import select

import pytest

from coldstart.running.gpus import devices, hold_gpus

WORKFLOW = Path(__file__).parents[2] / "workflow"
JOB = """
import os, sys
from coldstart.running.gpus import hold_gpus
with hold_gpus(int(sys.argv[1])):
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def start(monkeypatch, tmp_path):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-ab")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(WORKFLOW))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    jobs = []

    def start(wanted=1):
        pipe = subprocess.PIPE
        jobs.append(
            subprocess.Popen(
                [sys.executable, "-c", JOB, str(wanted)], stdin=pipe, stdout=pipe, text=True
            )
        )
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_concurrent_jobs_have_a_gpu_each_and_a_killed_job_frees_its_own(start):
    first, second = start(), start()
    names = [first.stdout.readline().strip(), second.stdout.readline().strip()]
    assert sorted(names) == ["3", "GPU-ab"]
    third = start()
    with pytest.raises(subprocess.TimeoutExpired):
        third.wait(2)
    assert select([third.stdout], [], [], 0)[0] == []  # it waits
    first.kill()
    assert third.stdout.readline().strip() == names[0]


def test_job_holds_all_of_its_gpus_or_waits_with_none(start):
    single = start()
    held = single.stdout.readline().strip()
    double = start(2)
    with pytest.raises(subprocess.TimeoutExpired):
        double.wait(1)
    other = start()  # the waiting job holds none that it does not use
    assert select([other.stdout], [], [], 20)[0]
    assert {held, other.stdout.readline().strip()} == {"3", "GPU-ab"}
    single.kill()
    other.kill()
    assert double.stdout.readline().strip() == "3,GPU-ab"


def test_job_that_asks_for_too_many_gpus_has_all(start):
    assert start(5).stdout.readline().strip() == "3,GPU-ab"


def test_gpus_of_the_environment_variable_are_used(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, 2")
    assert devices() == ["1", "2"]
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert devices() == []


def test_gpus_of_the_driver_are_used(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices() == []
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho GPU-1\necho GPU-2\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert devices() == ["GPU-1", "GPU-2"]


@pytest.mark.parametrize(("wanted", "slurm"), [(0, None), (1, "17")])
def test_no_gpu_is_chosen_without_a_request_or_under_slurm(monkeypatch, wanted, slurm):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    if slurm:
        monkeypatch.setenv("SLURM_JOB_ID", slurm)
    else:
        monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with hold_gpus(wanted):
        assert devices() == ["0", "1"]
