"""A training that is told to stop at a step."""

import os
import signal
from contextlib import contextmanager

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
