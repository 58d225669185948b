"""Jobs that cannot publish, and their messages."""

import logging
import os
import re
import signal

import pytest
import torch
from torch import nn

from coldstart.running.job import TERMINATED, make_artefact
from coldstart.store import Store
from coldstart.training.checkpoint import save_tensors
from coldstart.training.resume import save_state
from tests.helpers.jobs import script_job


@pytest.fixture
def run(tmp_path, monkeypatch, identity):
    """Run the job of an artefact without inputs; gives its log."""
    monkeypatch.chdir(tmp_path)
    for name in ("OMP", "MKL", "OPENBLAS"):  # put back what the job sets
        monkeypatch.setenv(f"{name}_NUM_THREADS", "1")
    images = identity().inputs["images"]

    def run(make, *stores):
        monkeypatch.setenv("COLDSTART_STORE", ":".join(map(str, stores)))
        artefact = {"key": images.key, "pointer": "pointer.json", "stage": images.stage,
                    "recipe": images.recipe, "inputs": {}, "code": images.code}  # fmt: skip
        job = script_job(["pointer.json"], "ingest", log="log/a.log", artefacts=[artefact])
        try:
            make_artefact(job, make)
        finally:
            logging.getLogger("coldstart").setLevel(logging.NOTSET)
        return (tmp_path / "log/a.log").read_text()

    return run


def write(job, size=10):
    (job.out / "a").write_bytes(b"x" * size)


def failed(run, tmp_path, make, *stores):
    with pytest.raises(SystemExit):
        run(make, *stores)
    assert not (tmp_path / "pointer.json").exists()
    assert list((tmp_path / "results/.work").glob("*")) == []
    return (tmp_path / "log/a.log").read_text()


def test_a_job_publishes_to_its_own_store_and_reads_the_teams(run, tmp_path, identity, read_only):
    own, team = tmp_path / "own", tmp_path / "team"
    team.mkdir()
    read_only(team)
    run(write, own, team)
    assert Store(own).keys() == [identity().inputs["images"].key]
    (tmp_path / "pointer.json").unlink()
    said = run(lambda job: pytest.fail("it was made again"), tmp_path / "other", own)
    assert "the store has it already" in said
    assert (tmp_path / "pointer.json").exists()
    assert not (tmp_path / "other").exists()


def test_read_only_store_is_reported_before_the_work(run, tmp_path, read_only):
    team = tmp_path / "team"
    team.mkdir()
    read_only(team)
    said = failed(run, tmp_path, lambda job: pytest.fail("the work was done"), team)
    assert f"Cannot write to the store {team}" in said
    assert "put a folder of your own before it" in said
    assert "Traceback" not in said


def test_full_store_is_reported_by_the_job(run, tmp_path, small_disk):
    store = Store(small_disk / "store")
    said = failed(run, tmp_path, lambda job: write(job, 2 << 20), store.root)
    assert f"Cannot write to the store {store.root} ({store.root}/tmp/" in said
    assert "No space left on device. Nothing was published. Free space there" in said
    assert "Traceback" not in said
    assert store.keys() == []
    assert list((store.root / "tmp").iterdir()) == []


def stopped(job):
    """A job that keeps a state, and is told to stop."""
    job.resume.mkdir(parents=True)
    (job.resume / "state").write_bytes(b"x")
    os.kill(os.getpid(), signal.SIGTERM)
    pytest.fail("it went on")


def test_stopped_job_keeps_its_state_and_ends_with_the_code_of_sigterm(run, tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stop:
        run(stopped, tmp_path / "store")
    assert stop.value.code == TERMINATED
    assert len([*tmp_path.glob("results/.resume/*/state")]) == 1
    assert not (tmp_path / "pointer.json").exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_job_stopped_while_publishing_ends_well(run, tmp_path, monkeypatch):
    publishing = Store.publishing

    def disturbed(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        assert [*tmp_path.glob("results/.resume/*/state")], "the state went before it was published"
        return publishing(*args)

    def make(job):
        job.resume.mkdir(parents=True)
        (job.resume / "state").write_bytes(b"x")
        write(job)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Store, "publishing", disturbed)
    run(make, tmp_path / "store")
    assert (tmp_path / "pointer.json").exists()
    assert [*tmp_path.glob("results/.resume/*")] == []
    assert signal.getsignal(signal.SIGTERM) is before


def write_model(job):
    save_tensors(nn.Linear(1, 1 << 20), job.out / "model.safetensors")


def write_state(job):
    save_state(job.resume / "state.pt", {"weights": torch.zeros(1 << 20)})


@pytest.mark.parametrize("make", [lambda job: write(job, 2 << 20), write_model, write_state])
def test_full_disk_outside_the_store_is_reported(run, tmp_path, small_disk, make):
    (tmp_path / "results").symlink_to(small_disk)
    store = Store(tmp_path / "store")
    said = failed(run, tmp_path, make, store.root)
    place = r"Cannot write to results/\.(work|resume)/\S+: No space left on device"
    assert re.search(f"{place}. Nothing was published", said)
    assert "Traceback" not in said
    assert store.keys() == []
