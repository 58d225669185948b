"""Trainings that are told to stop at a step, or in a phase of one."""

import os
import signal
from contextlib import contextmanager
from dataclasses import replace

import pytest

from coldstart.training.trainer import Trainer


@contextmanager
def stopped_at(step):
    """While it is open, the training that runs gets SIGTERM before this step and must end by it."""
    plain, count = Trainer._train_step, iter(range(1, 10_000))

    def train_step(self, batches):
        if next(count) == step:
            os.kill(os.getpid(), signal.SIGTERM)
        plain(self, batches)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", train_step)
        with pytest.raises(SystemExit):
            yield


def signalling(build, phase, number, at):
    """A builder of models that send their process a signal when they come to a phase.

    Args:
        build: builds such a model that does not.
        phase: name of the phase.
        number: the signal.
        at: how many times the phase has come then, this one included.
    """

    def built(*args):
        model = build(*args)
        phases, seen = model.phases(), []

        def noting(one):
            def loss(batch, done):
                seen.append(one.name)
                if one.name == phase and seen.count(phase) == at:
                    os.kill(os.getpid(), number)
                return one.loss(batch, done)

            return loss

        model.phases = lambda: [replace(one, loss=noting(one)) for one in phases]
        return model

    return built
