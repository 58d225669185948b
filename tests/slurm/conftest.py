import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.helpers.clones import copy_project, replace_text
from tests.slurm import cluster as slurm

# Seconds instead of a cluster's minutes. The plugin adds ten seconds to each wait itself.
POLLING = ("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5")
EPOCHS = 120
CPU_ONLY = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def pytest_ignore_collect(collection_path):
    """Skip these tests unless asked for: they take minutes and need SLURM."""
    return None if os.environ.get("COLDSTART_SLURM_TESTS") == "1" else True


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A private cluster; each process of pytest-xdist has its own."""
    if slurm.missing():
        pytest.skip(f"SLURM is not installed ({' '.join(slurm.missing())}): make test-slurm does")
    if os.geteuid():
        pytest.skip("slurmd needs root, in a container for example")
    # A Unix socket's path is short, and pytest's folders are not.
    folder = Path(f"/tmp/coldstart-slurm-{os.getpid()}")
    cluster = slurm.Cluster(folder)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()


def epoch_in(log):
    """The epoch that a training's log has reached."""
    found = re.findall(r" epoch (\d+)/", log)
    return int(found[-1]) if found else 0


class Clone:
    """A copy of the project in a folder of its own, with Snakemake run on the cluster."""

    pretrained = "results/ssl/biased-digits/byol-digits/seed0.json"

    def __init__(self, folder, cluster):
        self.folder, self.cluster, self.runs = folder, cluster, []

    def start(self, *args, config=("scale=smoke",), **env):
        """Start Snakemake with the profile, and return the process."""
        # A shell that starts the tests in the background has Ctrl-C ignored, also below it.
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm"]
        self.output = self.folder / "snakemake.log"
        with self.output.open("a") as file:
            process = subprocess.Popen(
                [*command, "--config", *config, *POLLING, *args],
                cwd=self.folder, env=self.environment(**env), stdout=file, stderr=file,
            )  # fmt: skip
        self.runs.append(process)
        return process

    def stop(self):
        """Leave nothing behind, whatever the test did."""
        for process in self.runs:
            process.kill()
            process.wait()
        self.cluster.run("scancel", "--user=root", check=False)

    def environment(self, **env):
        """Variables of a run: a GPU partition, and no settings of the caller of the tests."""
        inherited = {k: v for k, v in self.cluster.environment.items() if "COLDSTART" not in k}
        paths = {"PYTHONPATH": str(self.folder / "workflow")}
        return inherited | CPU_ONLY | paths | {"COLDSTART_SLURM_GPU_PARTITION": "gpu"} | env

    def finish(self, process, seconds=600):
        """Wait for Snakemake to end by itself, and well."""
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            pytest.fail(f"still running after {seconds} s:\n{self.output.read_text()[-3000:]}")
        assert code == 0, self.output.read_text()[-5000:]

    def job(self, rule):
        """Records of SLURM about the jobs of a rule, oldest first."""
        jobs = [job for job in self.cluster.jobs() if job["WorkDir"] == str(self.folder)]
        return [job for job in jobs if rule in job["Comment"]]

    def log(self):
        """The log of the pretraining, of its last attempt."""
        logs = [*self.folder.glob("results/logs/ssl/*/byol-digits/seed0.log")]
        return logs[0].read_text() if logs else ""

    def epoch(self):
        """The epoch that the pretraining's log has reached."""
        return epoch_in(self.log())

    def saved(self):
        """The epoch after which the state was saved last: not each, where they are as short."""
        [state] = self.folder.glob("results/.resume/*/state.pt")
        return int(torch.load(state, weights_only=True)["epoch"])

    def train(self, **env):
        """Start a pretraining, wait until it is well under way; returns process and epoch."""
        process = self.start(self.pretrained, **env)
        states = self.folder / "results/.resume"
        self.wait_for(lambda: self.epoch() > 20 and any(states.glob("*/state.pt")))
        return process, self.epoch()

    def assert_resumed(self, epoch, epochs=EPOCHS):
        """The last attempt went on from that epoch or later, and the history has them all."""
        resumed = re.search(r"going on after epoch (\d+)", self.log())
        assert resumed, self.log()[:500]
        assert int(resumed[1]) >= epoch
        key = json.loads((self.folder / self.pretrained).read_text())["key"]
        [history] = self.folder.glob(f"results/store/**/{key}/history.parquet")
        assert pd.read_parquet(history)["epoch"].tolist() == list(range(1, epochs + 1))
        assert self.unfinished() == []

    def unfinished(self):
        """The clone's jobs that run or wait."""
        states = {"RUNNING", "PENDING", "COMPLETING"}
        return [job for job in self.job("") if job["JobState"] in states]

    def wait_for(self, condition, seconds=300):
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not condition():
            log = self.output.read_text()[-3000:]
            assert time.monotonic() < end, f"waited in vain; Snakemake says:\n{log}"
            time.sleep(0.2)

    def edit(self, name, old, new):
        """Replace text in one file."""
        replace_text(self.folder / name, old, new)

    def set_epochs(self, epochs):
        """Set the epochs of the pretraining, which is slowed to ten epochs a second."""
        path = self.folder / "workflow/recipes/encoders.yaml"
        old = r"(byol-digits:.*?smoke:.*?epochs:) \d+"
        text, found = re.subn(old, rf"\1 {epochs}", path.read_text(), count=1, flags=re.DOTALL)
        assert found
        path.write_text(text)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, cluster):
    """A clone that has its data already."""
    clone = Clone(copy_project(tmp_path_factory.mktemp("prepared")), cluster)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--config", "scale=smoke", "--"]
    subprocess.run(
        [*command, "results/data/pools/biased-digits.json"],
        cwd=clone.folder, env=clone.environment(), check=True, capture_output=True,
    )  # fmt: skip
    return clone


@pytest.fixture
def clone(tmp_path, prepared, cluster):
    """A clone with its data, and one long pretraining ahead."""
    folder = tmp_path / "clone"
    shutil.copytree(prepared.folder, folder, symlinks=True)
    clone = Clone(folder, cluster)
    clone.set_epochs(EPOCHS)
    step = "    def _end_epoch(self) -> None:\n"
    clone.edit("workflow/coldstart/training/trainer.py", step, f"{step}        time.sleep(0.1)\n")
    yield clone
    clone.stop()


@pytest.fixture
def fresh(tmp_path, cluster):
    """A function that makes clones in which nothing was built."""
    clones = []

    def make(name):
        clones.append(Clone(copy_project(tmp_path / name), cluster))
        return clones[-1]

    yield make
    for clone in clones:
        clone.stop()
