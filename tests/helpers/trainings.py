"""Helpers of the tests of trainings: recipes, interruptions and comparisons."""

import os
import signal
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from torch import distributed

from coldstart.ssl.encoders import pretrain
from coldstart.ssl.start import Start
from coldstart.training import trainer
from tests.helpers.cases import CASES

CPU = torch.device("cpu")
WORLD = 2
"""Processes of a training that several share."""
RECIPE = CASES["byol"]


def changed(recipe=RECIPE, **fields):
    return recipe.model_copy(update=fields)


def with_optimizer(**fields):
    return changed(optimizer=RECIPE.optimizer.model_copy(update=fields))


def load_images(count=200):
    images = load_digits().images[:count]
    return np.minimum(images * 16, 255).astype(np.uint8)[..., None]


def result(folder):
    """Weights and history of a finished training, without measured times."""
    history = pd.read_parquet(folder / "history.parquet")
    assert (history["images_per_second"] > 0).all()
    return load_file(folder / "model.safetensors"), history.drop(columns="images_per_second")


def assert_same_states(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def assert_identical(one, other):
    assert_same_states(one[0], other[0])
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)


def interrupt(monkeypatch, after, action):
    """Call ``action`` within the training's step number ``after``, counted from one."""
    plain, count = trainer.Trainer._train_step, iter(range(1, 10**6))

    def step(self, batches):
        if next(count) == after:
            action()
        plain(self, batches)

    monkeypatch.setattr(trainer.Trainer, "_train_step", step)


def send(number):
    return lambda: os.kill(os.getpid(), number)


def start_of(recipe, images, folder):
    """The encoder that a recipe starts from, trained for an epoch; None if it starts from none."""
    if recipe.start is None:
        return None
    first = changed(CASES[recipe.start], epochs=1)
    place = folder / recipe.start
    pretrain(images, first, 1, CPU, None, place, start=start_of(first, images, folder))
    return Start(place, first)


def stopped_after(monkeypatch, after, images, recipe, seed, folder, start=None):
    """Pretrain until SIGTERM comes in a step."""
    with monkeypatch.context() as patch:
        interrupt(patch, after, send(signal.SIGTERM))
        with pytest.raises(SystemExit) as stopped:
            pretrain(images, recipe, seed, CPU, folder / "resume", folder / "out", start=start)
    assert stopped.value.code == 143


def forked(function):
    """Call a function in a process of its own, of which this is a copy; returns its process id.

    Unlike a fresh process it need not import torch anew.
    """
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        function()
        status = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def ended(child):
    """Wait for a process; returns its exit code, or minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def together(function, folder):
    """Call a function in two processes that are joined; what it returned in each."""

    def child(number):
        distributed.init_process_group(
            "gloo",
            init_method=f"file://{folder}/store",
            rank=number,
            world_size=WORLD,
            timeout=timedelta(seconds=60),  # of one that waits for another which has failed
        )
        torch.save(function(), folder / f"{number}.pt")
        distributed.barrier()
        distributed.destroy_process_group()

    children = [forked(lambda number=number: child(number)) for number in range(WORLD)]
    assert [ended(one) for one in children] == [0] * WORLD
    return [torch.load(folder / f"{number}.pt") for number in range(WORLD)]
