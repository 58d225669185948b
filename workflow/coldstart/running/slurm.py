"""Coldstart on SLURM: a site's names and nodes, a clone's jobs, and requeueing.

The profile in ``profiles/slurm`` reads the site; ``python -m coldstart.running.slurm`` recovers
a clone whose Snakemake was killed.
"""

import hashlib
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from coldstart.common.errors import ColdstartError

log = logging.getLogger("coldstart")

FILE = Path("profiles/slurm/site.yaml")
"""A site's own names, not under version control."""

GPU_RULES = ("pretrain", "embed", "score", "probe", "cycle")
"""Rules whose jobs may ask for a GPU."""

HALF_A_DAY = 12 * 60
"""Minutes: where partitions allow less, jobs share no submission, because their times add up."""

NODES = "COLDSTART_NODES"
"""The environment variable with the megabytes of the largest nodes, without GPU and with."""

MINUTES = "COLDSTART_MINUTES"
"""The environment variable with the minutes that a partition allows a job."""

ASKED = ("account", "partition", "gpu_partition", "gpu_model", "gpus")
"""Settings of a site; the rest is asked of SLURM."""


@dataclass(frozen=True)
class Partition:
    """A partition's time limit in minutes, 0 for none, and the megabytes of its largest node."""

    minutes: int
    megabytes: int


def largest_node(gpu: bool) -> int:
    """Megabytes of the largest node that jobs run on, as the profile exported it; 0 if unknown."""
    plain, _, with_gpu = os.environ.get(NODES, "").partition(",")
    return int((with_gpu if gpu else plain) or 0)


def allowed_minutes() -> int | None:
    """Minutes that a partition allows a job, as the profile exported them.

    Returns:
        0 where there is no limit, None where jobs do not go to a cluster.
    """
    exported = os.environ.get(MINUTES)
    return None if exported is None else int(exported)


@dataclass(frozen=True)
class Site:
    """Properties that differ between clusters.

    Attributes:
        account: what jobs are charged to; empty leaves it to SLURM.
        partition: where jobs run; empty is the cluster's default partition.
        gpu_partition: where jobs with a GPU run; empty is as ``partition``.
        gpu_model: the type of GPU to ask for; empty takes any.
        gpus: how many a training asks for; everything else takes one.
        minutes: the shortest of the partitions' time limits; 0 where there is none.
        megabytes: memory of the largest node for jobs without a GPU; 0 where it is unknown.
        gpu_megabytes: the same for jobs with one.
    """

    account: str = ""
    partition: str = ""
    gpu_partition: str = ""
    gpu_model: str = ""
    gpus: int = 1
    minutes: int = 0
    megabytes: int = 0
    gpu_megabytes: int = 0

    def export(self) -> None:
        """Tell the rules how many GPUs a training asks for, and what the partitions allow."""
        os.environ["COLDSTART_GPUS"] = str(self.gpus)
        os.environ[NODES] = f"{self.megabytes},{self.gpu_megabytes}"
        os.environ[MINUTES] = str(self.minutes)

    def write_partitions(self, file: Path = Path(".snakemake/slurm-partitions.yaml")) -> str:
        """Write which partition has GPUs, as Snakemake's plugin reads it; returns the file.

        By this it sends each job where its resource ``gpu`` wants it: nothing in a profile is told
        a job's own resources.
        """
        limits: dict[str, dict[str, int]] = {self.partition: {}} if self.partition else {}
        file.parent.mkdir(exist_ok=True)
        limits[self.gpu_partition] = {"max_gpu": self.gpus}
        file.write_text(yaml.safe_dump({"partitions": limits}), encoding="utf-8")
        return str(file)


def read_site(file: Path = FILE) -> Site:
    """The site by environment variables (COLDSTART_SLURM_ACCOUNT and so on), else by its file.

    Raises:
        SystemExit: with a message for the user; Snakemake lets nothing else pass unwrapped.
    """
    try:
        return _read_site(file)
    except ColdstartError as error:
        sys.exit(f"Error: {error}")


def _read_site(file: Path) -> Site:
    given = _read_file(file)
    unknown = ", ".join(sorted(given.keys() - set(ASKED)))
    if unknown:
        raise ColdstartError(f"{file}: unknown key: {unknown}. Known are {', '.join(ASKED)}.")
    values: dict[str, Any] = {}
    for name in ASKED:
        value = os.environ.get(f"COLDSTART_SLURM_{name.upper()}") or given.get(name)
        values[name] = "" if value is None else str(value).strip()
    values["gpus"] = _count(values["gpus"] or "1", file)
    known, default = _partitions()
    if known:
        values["partition"] = values["partition"] or default
        plain = _used(values["partition"], known, file)
        with_gpu = _used(values["gpu_partition"] or values["partition"], known, file)
        limits = [one.minutes for one in (*plain, *with_gpu) if one.minutes]
        return Site(
            **values,
            minutes=min(limits, default=0),
            megabytes=max(one.megabytes for one in plain),
            gpu_megabytes=max(one.megabytes for one in with_gpu),
        )
    return Site(**values)


def _count(text: str, file: Path) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ColdstartError(
            f"COLDSTART_SLURM_GPUS, or `gpus:` in {file}, is {text!r}: give a number from 1 on."
        )
    return int(text)


def _read_file(file: Path) -> dict[str, object]:
    if not file.exists():
        return {}
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ColdstartError(f"{file} is not YAML: {error}") from None
    if not isinstance(content or {}, dict):
        raise ColdstartError(f"{file} must hold lines like `account: name`")
    return content or {}


def _partitions() -> tuple[dict[str, Partition], str]:
    """Each partition, and the name of the default one, if any.

    Empty where SLURM cannot be asked: a dry run works on any machine.
    """
    # A line for each kind of node, with its exact memory.
    return parse_partitions(_ask("sinfo", "--all", "--exact", "--noheader", "--format=%P|%l|%m"))


def parse_partitions(said: str) -> tuple[dict[str, Partition], str]:
    """Read what ``sinfo --exact --format='%P|%l|%m'`` prints.

    Returns:
        Each partition by name, and the name of the default one; empty if there is none.
    """
    found: dict[str, Partition] = {}
    default = ""
    for marked, limit, megabytes in (line.split("|") for line in said.splitlines()):
        name = marked.rstrip("*")
        before = found.get(name, Partition(0, 0)).megabytes
        found[name] = Partition(_minutes(limit), max(before, int(megabytes.rstrip("+") or 0)))
        if marked.endswith("*"):
            default = name
    return found, default


def _minutes(limit: str) -> int:
    """Minutes of a time as SLURM writes it: days-hours:minutes:seconds, or minutes:seconds."""
    if not re.fullmatch(r"[\d:-]+", limit):
        return 0  # infinite
    days, _, clock = limit.rpartition("-")
    hours, minutes = [0, 0, *map(int, clock.split(":"))][-3:-1]
    return int(days or 0) * 1440 + hours * 60 + minutes


def _used(names: str, known: Mapping[str, Partition], file: Path) -> list[Partition]:
    """The partitions of a list with commas."""
    has = f"It has: {', '.join(sorted(known))}."
    for name in names.split(","):
        if not name:
            raise ColdstartError(
                "this cluster has no default partition. Name one in COLDSTART_SLURM_PARTITION, "
                f"or as `partition:` in {file}. {has}"
            )
        if name not in known:
            raise ColdstartError(f"this cluster has no partition {name}. {has}")
    return [known[name] for name in names.split(",")]


def prefix() -> str:
    """Return the beginning of the names of all jobs of this clone."""
    return f"coldstart-{hashlib.sha256(str(Path.cwd()).encode()).hexdigest()[:8]}"


def requeue() -> None:
    """Put the SLURM job that this process runs in back into the queue, under the same number.

    For a job that was told to stop and has saved its state; Snakemake goes on waiting for it, and
    none of its retries is spent. Nothing happens outside of a job of Coldstart's, or where SLURM
    has ended the job (a cancelled one must not come back).
    """
    number = os.environ.get("SLURM_JOB_ID")
    if number is None:
        return
    state, _, name = _ask("squeue", "--noheader", f"--job={number}", "--format=%T|%j").partition(
        "|"
    )
    if state == "RUNNING" and name.startswith("coldstart-"):
        log.warning("SLURM job %s goes back into the queue and on from here", number)
        _ask("scontrol", "requeue", number)


def recover() -> None:
    """End all jobs of this clone, wait until they are gone, and remove Snakemake's lock."""
    found = _jobs()
    print(f"{len(found)} jobs of this clone in SLURM's queue", *found)
    if found:
        subprocess.run(["scancel", *found], check=True)
    while _jobs():
        time.sleep(1)
    sys.exit(subprocess.run([sys.executable, "-m", "snakemake", "--unlock"]).returncode)


def _jobs() -> list[str]:
    lines = _ask("squeue", "--me", "--noheader", "--format=%A|%j").splitlines()
    named = (line.split("|") for line in lines)
    return [number for number, name in named if name.startswith(f"{prefix()}_")]


def _ask(*command: str) -> str:
    """Return what one of SLURM's commands prints; nothing where there is none or it refuses."""
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode:
        log.warning("%s: %s", command[0], done.stderr.strip())
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    recover()
