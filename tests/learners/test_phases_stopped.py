"""Trainings of several phases that are stopped, killed, or divided among processes."""

import signal

import numpy as np
import pytest
import torch

from coldstart.training import resume
from coldstart.training.distributed import rank
from coldstart.training.model import LABELLED
from coldstart.training.resume import Keeper
from tests.helpers.adversaries import AdversarialModel, network, recipe, trained
from tests.helpers.stopping import signalling
from tests.helpers.trainings import CPU, assert_same_states, ended, forked, together

# --- Stops and kills ---


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("phase", ["task", "alike", "critic"])
def test_training_stopped_and_killed_in_a_phase_is_bit_identical(
    phase, dropout, tmp_path, monkeypatch
):
    monkeypatch.setattr(resume, "SHARE", 1e9)  # save after each epoch, whatever that costs
    how = recipe(dropout=dropout)
    whole, history = trained(how)

    def keeper():
        return Keeper(tmp_path, "same")

    with pytest.raises(SystemExit) as stopped:
        trained(how, keeper(), signalling(AdversarialModel, phase, signal.SIGTERM, 3))
    assert stopped.value.code == 143
    state = keeper().load(CPU)
    assert (state["epoch"], state["step"]) == (0, 3)
    assert set(state["optimizers"]) == {"optimizer", "critic"}
    killed = forked(
        lambda: trained(how, keeper(), signalling(AdversarialModel, phase, signal.SIGKILL, 4))
    )
    assert ended(killed) == -signal.SIGKILL
    state = keeper().load(CPU)
    assert (state["epoch"], state["step"]) == (1, 0)
    model, resumed = trained(how, keeper())
    assert_same_states(model.state_dict(), whole.state_dict())
    assert resumed.equals(history)


def test_state_without_the_critic_s_optimizer_would_go_another_way(tmp_path, monkeypatch):
    """The states of all optimisers matter: Adam of the critic has moments."""
    how = recipe()
    whole, _ = trained(how)
    with pytest.raises(SystemExit):
        trained(
            how, Keeper(tmp_path, "same"), signalling(AdversarialModel, "task", signal.SIGTERM, 3)
        )
    plain = Keeper.load

    def forgetful(self, device):
        state = plain(self, device)
        state["optimizers"]["critic"]["state"] = {}
        return state

    monkeypatch.setattr(Keeper, "load", forgetful)
    model, _ = trained(how, Keeper(tmp_path, "same"))
    assert not torch.equal(model.critic.weight, whole.critic.weight)


# --- Several processes ---


class Normless(AdversarialModel):
    """With a penalty on the critic's slope, whose gradient is of a gradient."""

    def critic_loss(self, batch, done):
        loss = super().critic_loss(batch, done)
        embeddings = self.encoder(batch[LABELLED].views[0]).detach().requires_grad_()
        (slope,) = torch.autograd.grad(
            self.critic(embeddings).tanh().sum(), embeddings, create_graph=True
        )
        return loss + 0.1 * (slope.norm(dim=1) - 1).square().mean()


def test_two_processes_train_the_same_adversaries_as_one(tmp_path):
    how = recipe(critic={"name": "sgd", "lr": 0.05}, accumulate=2, epochs=2)

    def found():
        model, history = trained(how, model=Normless)
        return model.state_dict(), history.to_dict("list"), rank()

    alone = found()
    untrained = network(how, Normless).state_dict()
    for state, history, _ in together(found, tmp_path):
        for name, tensor in alone[0].items():
            torch.testing.assert_close(state[name], tensor, rtol=2e-3, atol=2e-4)
        for column in ("loss", "loss_alike", "loss_critic", "lr"):
            np.testing.assert_allclose(history[column], alone[1][column], rtol=1e-3)
    for name in ("critic.weight", "online.logits.1.weight", "online.logits.0.weight"):
        if name in untrained:
            assert (alone[0][name] - untrained[name]).abs().max() > 0.005
