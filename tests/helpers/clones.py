"""Copies of the project in which tests run Snakemake for real."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SMOKE = "scale=smoke"


def copy_project(folder):
    """Copy the files that git lists, without tests and results; returns the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    for name in listed:
        if name.split("/")[0] not in {"tests", "results"} and (ROOT / name).exists():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target, follow_symlinks=False)
    return folder


def replace_text(path, old, new):
    """Replace the first occurrence of a text in a file, which must have it."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


class Clone:
    """A copy of the project in a folder of its own, with Snakemake run in it for real."""

    env: Mapping[str, str] = {}
    """Variables that every run gets."""

    def __init__(self, folder):
        self.folder = folder

    @classmethod
    def new(cls, folder):
        """A clone in a folder that is not there yet."""
        return cls(copy_project(folder))

    def copy(self, folder):
        """Copy the clone with its results to a folder that is not there yet."""
        return Clone(shutil.copytree(self.folder, folder, symlinks=True))

    def snakemake(self, *args, check=True, config=(SMOKE,), **env):
        """Run Snakemake and return the finished process, its output as text."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *args]
        done = subprocess.run(
            [*command, "--config", *config],
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(self.folder / "workflow"), **self.env, **env},
        )  # fmt: skip
        assert done.returncode == 0 or not check, done.stdout
        return done

    def kill_when(self, said, *args, config=(SMOKE,)):
        """Start Snakemake, and kill it and its jobs a moment after it has printed ``said``."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *args, "--config", *config]
        running = subprocess.Popen(
            command, cwd=self.folder, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(self.folder / "workflow"), **self.env},
        )  # fmt: skip
        assert running.stdout is not None
        assert any(said in line for line in running.stdout)
        time.sleep(0.5)
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        self.snakemake("--unlock", config=config)

    def planned(self, *targets, config=(SMOKE,)):
        """The number of jobs of each rule that a dry run announces."""
        output = self.snakemake("-n", *targets, config=config).stdout
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        counts = dict(line.split() for line in table[1].splitlines())
        return {rule: int(count) for rule, count in counts.items() if rule != "all"}

    def edit(self, name, old, new):
        """Replace text in one file."""
        replace_text(self.folder / name, old, new)
