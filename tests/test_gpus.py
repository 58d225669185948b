import subprocess
import sys
from pathlib import Path
from select import select

import pytest

from coldstart.gpus import devices, one_gpu

WORKFLOW = Path(__file__).parents[1] / "workflow"
JOB = """
import os, sys
from coldstart.gpus import one_gpu
with one_gpu(1):
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

    def start():
        pipe = subprocess.PIPE
        jobs.append(
            subprocess.Popen([sys.executable, "-c", JOB], stdin=pipe, stdout=pipe, text=True)
        )
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def test_jobs_at_once_have_a_gpu_each_and_a_third_gets_that_of_one_that_was_killed(start):
    first, second = start(), start()
    names = [first.stdout.readline().strip(), second.stdout.readline().strip()]
    assert sorted(names) == ["3", "GPU-ab"]
    third = start()
    with pytest.raises(subprocess.TimeoutExpired):
        third.wait(2)
    assert select([third.stdout], [], [], 0)[0] == []  # it waits
    first.kill()
    assert third.stdout.readline().strip() == names[0]


def test_devices_are_those_that_the_environment_names(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, 2")
    assert devices() == ["1", "2"]
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert devices() == []


def test_devices_are_those_that_the_driver_lists(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices() == []
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho GPU-1\necho GPU-2\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert devices() == ["GPU-1", "GPU-2"]


@pytest.mark.parametrize(("wanted", "slurm"), [(0, None), (1, "17")])
def test_nothing_is_chosen_for_a_job_without_gpu_or_under_slurm(monkeypatch, wanted, slurm):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    if slurm:
        monkeypatch.setenv("SLURM_JOB_ID", slurm)
    else:
        monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with one_gpu(wanted):
        assert devices() == ["0", "1"]
