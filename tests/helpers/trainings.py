"""Helpers of the tests of trainings: recipes, interruptions and comparisons."""

import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from coldstart.config.recipes.encoders import Clustering
from coldstart.ssl.encoders import pretrain
from coldstart.ssl.start import Start
from coldstart.training import trainer
from tests.helpers.cases import CASES

CPU = torch.device("cpu")
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


def assert_identical(one, other):
    assert one[0].keys() == other[0].keys()
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
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
    if not isinstance(recipe, Clustering):
        return None
    first = changed(CASES[recipe.encoder], epochs=1)
    place = folder / recipe.encoder
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
