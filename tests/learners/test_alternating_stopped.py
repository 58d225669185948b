"""Joint trainings by turns that are stopped, killed, or divided among processes."""

import signal

import numpy as np
import pytest
import torch

from coldstart.data.unclassed import UNLABELLED as UNKNOWN
from coldstart.training import resume
from coldstart.training.distributed import rank
from coldstart.training.resume import Keeper
from coldstart.training.trainer import Trainer
from tests.helpers.stopping import signalling
from tests.helpers.trainings import CPU, assert_same_states, ended, forked, together
from tests.helpers.turns import MOBY, network, recipe, streams_of, trained


@pytest.mark.parametrize(
    ("phase", "method"), [("labelled", "moby"), ("unlabelled", "moby"), ("unlabelled", "byol")]
)
def test_a_training_stopped_and_killed_in_a_turn_is_bit_identical(
    pool, tmp_path, monkeypatch, phase, method
):
    monkeypatch.setattr(resume, "SHARE", 1e9)  # save after each epoch, whatever that costs
    drop = {} if method == "moby" else {"temperature", "queue"}
    how = recipe(
        method={k: v for k, v in MOBY.items() if k not in drop} | {"method": method}, dropout=0.3
    )
    whole, history = trained(how, pool)

    def keeper():
        return Keeper(tmp_path / "resume", "same")

    with pytest.raises(SystemExit) as stopped:
        trained(how, pool, keeper(), signalling(network, phase, signal.SIGTERM, 3)(how))
    assert stopped.value.code == 143
    state = keeper().load(CPU)
    assert (state["epoch"], state["step"]) == (0, 3)
    killed = forked(
        lambda: trained(how, pool, keeper(), signalling(network, phase, signal.SIGKILL, 4)(how))
    )
    assert ended(killed) == -signal.SIGKILL
    state = keeper().load(CPU)
    assert (state["epoch"], state["step"]) == (1, 0)
    model, resumed = trained(how, pool, keeper())
    assert_same_states(model.state_dict(), whole.state_dict())
    assert resumed.equals(history)


def test_two_processes_take_the_same_turns_as_one(pool, tmp_path):
    how = recipe(epochs=2, accumulate=2, leaked=0.5)
    leaked = torch.where(torch.arange(40) % 3 > 0, torch.from_numpy(pool.labels[40:80]), UNKNOWN)

    def found():
        model = network(how)
        streams = streams_of(how, pool, leaked=leaked)
        history = Trainer(model, streams, how, 4, CPU).run()
        return model.state_dict(), history.to_dict("list"), rank()

    alone = found()
    untrained = network(how).state_dict()
    for state, history, _ in together(found, tmp_path):
        for name, tensor in alone[0].items():
            torch.testing.assert_close(state[name], tensor, rtol=5e-3, atol=5e-4)
        for column in ("loss", "loss_unlabelled", "lr"):
            np.testing.assert_allclose(history[column], alone[1][column], rtol=1e-3)
    assert (alone[0]["head.0.weight"] - untrained["head.0.weight"]).abs().max() > 0.005
