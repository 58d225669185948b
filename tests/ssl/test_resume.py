import os
import signal

import pytest
import torch

from coldstart.ssl.encoders import pretrain
from coldstart.training import resume
from tests.helpers.cases import CASES
from tests.helpers.trainings import (
    CPU,
    RECIPE,
    assert_identical,
    changed,
    ended,
    forked,
    interrupt,
    result,
    send,
    start_of,
    stopped_after,
    with_optimizer,
)


@pytest.fixture
def every_epoch(monkeypatch):
    """Save after each epoch, whatever that costs."""
    monkeypatch.setattr(resume, "SHARE", 1e9)


def state_of(folder):
    return torch.load(folder / "resume" / "state.pt", weights_only=True)


@pytest.mark.parametrize("name", CASES)
def test_training_after_kill_and_stop_equals_the_uninterrupted_one(
    name, digits, tmp_path, monkeypatch, every_epoch
):
    images, recipe = digits[:96], changed(CASES[name], epochs=3, snapshots=1)
    steps, start = 96 // recipe.batch_size, start_of(recipe, images, tmp_path)
    pretrain(images, recipe, 5, CPU, None, tmp_path / "whole", start=start)

    def killed():
        interrupt(monkeypatch, steps + 2, send(signal.SIGKILL))
        pretrain(images, recipe, 5, CPU, tmp_path / "resume", tmp_path / "out", start=start)

    assert ended(forked(killed)) == -signal.SIGKILL
    assert (state_of(tmp_path)["epoch"], state_of(tmp_path)["step"]) == (1, 0)
    assert not (tmp_path / "out" / "model.safetensors").exists()
    stopped_after(monkeypatch, steps + 1, images, recipe, 5, tmp_path, start)
    assert (state_of(tmp_path)["epoch"], state_of(tmp_path)["step"]) == (2, 1)
    pretrain(images, recipe, 5, CPU, tmp_path / "resume", tmp_path / "out", start=start)
    assert_identical(result(tmp_path / "out"), result(tmp_path / "whole"))
    snapshots = [tmp_path / place / "epoch-0002.safetensors" for place in ("out", "whole")]
    assert snapshots[0].read_bytes() == snapshots[1].read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    pretrain(digits, RECIPE, 5, CPU, None, folder)
    return result(folder)


@pytest.mark.parametrize("after", [9, 12, 24])
def test_training_stopped_in_any_step_is_bit_identical(
    digits, tmp_path, uninterrupted, monkeypatch, after
):
    handler = signal.getsignal(signal.SIGTERM)
    stopped_after(monkeypatch, after, digits, RECIPE, 5, tmp_path)
    assert signal.getsignal(signal.SIGTERM) is handler
    state = state_of(tmp_path)
    assert state["epoch"] * 6 + state["step"] == after
    pretrain(digits, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert_identical(result(tmp_path / "out"), uninterrupted)


@pytest.mark.parametrize("other", ["recipe", "seed", "images"])
def test_state_of_another_training_is_ignored(
    digits, tmp_path, uninterrupted, monkeypatch, caplog, other
):
    recipe = with_optimizer(lr=1e-3) if other == "recipe" else RECIPE
    images = digits[::-1] if other == "images" else digits
    stopped_after(monkeypatch, 9, images, recipe, 6 if other == "seed" else 5, tmp_path)
    caplog.clear()
    pretrain(digits, RECIPE, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert "another recipe, seed or images; training starts anew" in caplog.text
    assert_identical(result(tmp_path / "out"), uninterrupted)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "foreign"])
def test_damaged_state_is_ignored(digits, tmp_path, monkeypatch, caplog, damage):
    recipe = changed(epochs=1)
    stopped_after(monkeypatch, 2, digits, recipe, 5, tmp_path)
    state = tmp_path / "resume" / "state.pt"
    whole = state.read_bytes()
    if damage == "foreign":
        torch.save([1, 2], state)
    else:
        spoilt = {"truncated": whole[: len(whole) // 2], "garbage": b"\x80x" * 99, "empty": b""}
        state.write_bytes(spoilt[damage])
    caplog.clear()
    pretrain(digits, recipe, 5, CPU, tmp_path / "resume", tmp_path / "out")
    assert "cannot be read" in caplog.text
    assert len(result(tmp_path / "out")[1]) == 1


def test_interrupted_saving_keeps_the_last_state(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    resume.save_state(path, {"training": "t", "epoch": 1})

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        resume.save_state(path, {"training": "t", "epoch": 2})
    assert resume.load_state(path, "t", CPU) == {"training": "t", "epoch": 1}


def test_a_state_never_executes_code(tmp_path, caplog):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    torch.save({"training": "t", "model": Evil()}, tmp_path / "state.pt")
    assert resume.load_state(tmp_path / "state.pt", "t", CPU) is None
    assert not (tmp_path / "pwned").exists()


def test_saving_takes_a_twentieth_of_the_time_at_most(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])

    def save(path, state):
        now[0] += 2.0

    monkeypatch.setattr(resume, "save_state", save)
    keeper = resume.Keeper(tmp_path, "t")
    assert keeper.is_due  # what it costs is only known once it was done
    keeper.save({})
    now[0] += 39
    assert not keeper.is_due
    now[0] += 1
    assert keeper.is_due
