import os
import subprocess
import threading
import time

import pytest
import torch

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl import launch, worker
from coldstart.ssl.encoders import pretrain
from coldstart.training.resume import Termination
from tests.helpers.cases import CASES
from tests.helpers.trainings import CPU, changed, ended, forked, result, start_of


def test_started_processes_give_the_same_model_as_one(digits, tmp_path):
    """From the arguments of ``pretrain`` to its files."""
    recipe = changed(optimizer=Optimizer(name="sgd", lr=0.01), epochs=2, snapshots=1)
    for name, processes in (("alone", 1), ("both", 2)):
        pretrain(digits, recipe, 5, CPU, tmp_path / f"{name}-state", tmp_path / name, processes)
    (alone, history), (both, other_history) = (result(tmp_path / p) for p in ("alone", "both"))
    for name, tensor in alone.items():
        torch.testing.assert_close(both[name], tensor, rtol=1e-3, atol=1e-4)
    assert other_history["loss"].tolist() == pytest.approx(history["loss"].tolist(), rel=1e-4)
    assert (tmp_path / "both" / "epoch-0001.safetensors").exists()


def test_started_processes_share_the_start(digits, tmp_path):
    recipe = changed(CASES["scan"], optimizer=Optimizer(name="sgd", lr=0.01), epochs=1)
    start = start_of(recipe, digits, tmp_path)
    for name, processes in (("alone", 1), ("both", 2)):
        pretrain(digits, recipe, 5, CPU, None, tmp_path / name, processes, start=start)
    (alone, history), (both, other_history) = (result(tmp_path / p) for p in ("alone", "both"))
    begun = result(start.folder)[0]
    for name, tensor in alone.items():
        torch.testing.assert_close(both[name], tensor, rtol=1e-3, atol=1e-4)
        if name.startswith("online.encoder") and tensor.ndim > 1:
            torch.testing.assert_close(tensor, begun[name], rtol=0, atol=0.1)
    assert other_history["loss"].tolist() == pytest.approx(history["loss"].tolist(), rel=1e-4)


def wait_for(commands, folder, requested=False):
    """Wait for such processes; returns for each if it was still running. None is left behind."""
    workers = [subprocess.Popen(["sh", "-c", command]) for command in commands]
    termination = Termination()
    termination.requested = requested
    try:
        launch._wait(workers, termination, folder)
    finally:
        left = [worker.poll() is None for worker in workers]
        for one in workers:
            one.kill()
            one.wait()
    return left


def test_processes_that_end_well_are_waited_for(tmp_path):
    assert wait_for(["true", "sleep 0.3"], tmp_path) == [False, False]


def test_mistake_in_one_process_is_reported_for_all(tmp_path):
    command = f"printf 'the recipe is at fault' > {tmp_path}/mistake.txt; exit 1"
    with pytest.raises(ColdstartError, match=r"^the recipe is at fault$"):
        wait_for(["sleep 60", command], tmp_path)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("kill -KILL $$", r"process 1 of 2 .* exit code -9: it was killed, most likely for memory"),
        ("exit 7", r"process 1 of 2 .* exit code 7: its last lines are above"),
    ],
)
def test_a_process_that_fails_ends_the_others(tmp_path, command, message):
    with pytest.raises(ColdstartError, match=message):
        wait_for(["sleep 60", command], tmp_path)


def test_sigterm_is_forwarded_to_the_processes(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        wait_for(["trap 'exit 143' TERM; sleep 60 & wait", "sleep 60"], tmp_path, requested=True)
    assert stopped.value.code == 143


def test_a_process_ends_with_the_one_that_started_it():
    reading, writing = os.pipe()

    def child():
        os.close(writing)
        os.dup2(reading, 0)
        threading.Thread(target=worker._end_with_parent, daemon=True).start()
        time.sleep(60)

    process = forked(child)
    os.close(reading)
    os.close(writing)
    assert ended(process) == 1
