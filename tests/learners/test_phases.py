"""Several optimisers that take turns within a step: games whose course is known.

A game of two numbers has a closed form. A critic that tells labelled images from others, and an
encoder that wants them alike, are trained again by a plain loop.
"""

import os
import signal
from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.errors import ColdstartError
from coldstart.learners.classifier import ClassifierModel
from coldstart.training import resume
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from coldstart.training.distributed import rank
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Inputs, Phase, Trainable
from coldstart.training.optim import learning_rate
from coldstart.training.resume import Keeper
from coldstart.training.streams import Stream, epoch_order, seed_of
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import SETTINGS
from tests.helpers.trainings import CPU, assert_same_states, ended, forked, together

INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.5), torch.full((1,), 0.2))
LR = 0.1


class Adversarial(Network):
    """A classifier beside a critic of its embeddings."""

    learner: Literal["adversarial"]
    critic: Optimizer

    def streams(self):
        """Return both streams, each seen as the recipe says."""
        return {LABELLED: self, UNLABELLED: self}

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the classifier's, and the critic's."""
        return {"optimizer": self.optimizer, "critic": self.critic}


class AdversarialModel(ClassifierModel):
    """Its embeddings are to look alike, with a label and without; a critic tells them apart."""

    weight = 0.3

    def __init__(self, recipe, inputs, classes):
        super().__init__(recipe, inputs, classes)
        self.critic = nn.Linear(recipe.dim, 1)

    def moved(self):
        return {"optimizer": self.online, "critic": self.critic}

    def phases(self):
        return [
            Phase("task", self.training_loss, streams=(LABELLED,)),
            Phase("alike", self.alike),
            Phase("critic", self.critic_loss, optimizer="critic", fresh=True),
        ]

    def alike(self, batch, done):
        return -self.weight * self.critic_loss(batch, done)

    def critic_loss(self, batch, done):
        known, others = (
            self.critic(self.encoder(batch[name].views[0])) for name in (LABELLED, UNLABELLED)
        )
        return functional.softplus(-known).mean() + functional.softplus(others).mean()


def recipe(**changes):
    settings = SETTINGS | {
        "learner": "adversarial", "epochs": 3, "batch_size": 8, "precision": "fp32",
        "optimizer": {"name": "sgd", "lr": 0.02, "schedule": "step", "milestones": [1, 2]},
        "critic": {"name": "adam", "lr": 0.01},
    }  # fmt: skip
    return Adversarial.model_validate(settings | changes)


def gaussians():
    """Images of two classes that differ in their left half; those without a label shine below."""
    rng = np.random.default_rng(0)
    images = rng.normal(110, 20, (104, 8, 8, 1))
    labels = np.arange(40) % 2
    images[:40, :, :4] += np.where(labels, 60, -60)[:, None, None, None]
    images[40:, 4:] += 80
    return np.clip(images, 0, 255).astype(np.uint8), torch.from_numpy(labels)


def streams_of(how, labelled=40):
    images, labels = gaussians()
    return {
        LABELLED: Stream(Images(images, np.arange(labelled)), how.views, 8, labels[:labelled]),
        UNLABELLED: Stream(Images(images, np.arange(40, 104)), how.views, 8),
    }


def network(how, model=AdversarialModel):
    torch.manual_seed(1)
    return model(how, INPUTS, 2)


def trained(how, keeper=None, model=AdversarialModel):
    built = network(how, model)
    history = Trainer(built, streams_of(how), how, 4, CPU, keeper).run()
    return built, history.drop(columns="images_per_second")


# --- A game of two numbers ---


class Game(Trainable):
    """One player descends x² / 2 + x y by x, the other ascends x y - y² / 2 by y."""

    def __init__(self, steps=(1, 1)):
        super().__init__()
        self.x, self.y = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        self.steps, self.course = steps, []
        with torch.no_grad():
            self.x.weight.fill_(1.0)
            self.y.weight.fill_(2.0)
        self.online = self.x

    @property
    def encoder(self):
        return nn.Flatten()

    def moved(self):
        return {"optimizer": self.x, "critic": self.y}

    def phases(self):
        first = [Phase(f"x{i}", self.training_loss) for i in range(self.steps[0])]
        second = [Phase(f"y{i}", self.second, optimizer="critic") for i in range(self.steps[1])]
        return first + second

    def training_loss(self, batch, done):
        x, y = self.x.weight, self.y.weight
        return (x.square() / 2 + x * y).sum()

    def second(self, batch, done):
        x, y = self.x.weight, self.y.weight
        return -(x * y - y.square() / 2).sum()

    def after_step(self, done):
        self.course.append((self.x.weight.item(), self.y.weight.item()))


@pytest.mark.parametrize("steps", [(1, 1), (2, 1), (1, 3)])
def test_a_game_of_two_numbers_takes_its_known_course(steps, monkeypatch):
    """Each turn is linear, so the course is that of powers of a matrix."""
    monkeypatch.setattr(Trainer, "_watched", lambda self: {})
    plain = Optimizer(name="sgd", lr=LR, momentum=0.0)
    how = recipe(optimizer=plain, critic=plain.model_copy(update={"lr": 2 * LR}))
    game = Game(steps)
    Trainer(game, streams_of(how), how, 0, CPU).run()
    first = np.array([[1 - LR, -LR], [0, 1]])  # x goes down x + y
    second = np.array([[1, 0], [2 * LR, 1 - 2 * LR]])  # y goes up x - y
    turn = np.linalg.matrix_power(second, steps[1]) @ np.linalg.matrix_power(first, steps[0])
    assert len(game.course) == 3 * 5
    for number, place in enumerate(game.course, start=1):
        expected = np.linalg.matrix_power(turn, number) @ [1.0, 2.0]
        np.testing.assert_allclose(place, expected, rtol=1e-5, atol=1e-6)
    assert np.abs(game.course[-1]).max() < 0.5  # they approach the saddle at nought


# --- An encoder and a critic ---


def test_adversaries_are_trained_as_by_a_plain_loop():
    """Textbook loop: two batches of each stream a step, SGD that falls at epochs 1 and 2, Adam."""
    how = recipe()
    model, history = trained(how)
    images, labels = gaussians()
    plain = network(how).train()
    sgd = torch.optim.SGD(plain.online.parameters(), momentum=0.9, lr=1.0, foreach=False)
    adam = torch.optim.Adam(plain.critic.parameters(), lr=0.01, foreach=False)
    losses = []

    def generators_of(step):
        return [torch.Generator().manual_seed(seed_of(4, 1, step, one)) for one in (0, 1)]

    for step in range(15):
        generators = generators_of(step)

        def batch(stream, number, generators=generators):
            """The rows and the view of a stream's batch; an epoch of each has 5 and 8."""
            count, first, per_epoch = ((40, 0, 5), (64, 40, 8))[stream]
            epoch, within = divmod(number, per_epoch)
            rows = epoch_order(count, 4, epoch, stream)[8 * within : 8 * within + 8]
            seen = unit_images(torch.from_numpy(images[first:][rows.numpy()]))
            return rows, augment(seen, how.views[0], generators[stream])

        def told_apart(known, others):
            known, others = plain.critic(plain.encoder(known)), plain.critic(plain.encoder(others))
            return functional.softplus(-known).mean() + functional.softplus(others).mean()

        for group in sgd.param_groups:
            group["lr"] = (0.02, 0.002, 0.0002)[step // 5]
        rows, known = batch(0, 2 * step)
        task = functional.cross_entropy(plain(known), labels[rows])
        sgd.zero_grad()
        task.backward()
        sgd.step()
        _, others = batch(1, 2 * step)
        alike = -0.3 * told_apart(known, others)
        sgd.zero_grad()
        alike.backward()
        sgd.step()
        critic = told_apart(batch(0, 2 * step + 1)[1], batch(1, 2 * step + 1)[1])
        adam.zero_grad()
        critic.backward()
        adam.step()
        losses.append([task.item(), alike.item(), critic.item()])
    expected = np.reshape(losses, (3, 5, 3)).mean(1)
    found = history[["loss", "loss_alike", "loss_critic"]].to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert history["lr"].tolist() == pytest.approx([0.02, 0.002, 0.0002])
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


class Flat(AdversarialModel):
    """Without BatchNorm, which would hide from the critic that a batch is brighter than others."""

    def __init__(self, recipe, inputs, classes):
        super().__init__(recipe, inputs, classes)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 32))
        self.online = nn.Sequential(
            OrderedDict({"encoder": encoder, "logits": nn.Linear(32, classes)})
        )
        self.critic = nn.Linear(32, 1)


class Apart(Flat):
    """Embeddings that do not care for the critic."""

    weight = 0.0


class Hidden(Flat):
    """Embeddings that hide from the critic."""

    weight = 1.0


def test_critic_tells_separable_images_apart_unless_the_encoder_hides_them(monkeypatch):
    """Images without a label shine below, so that a critic alone finds all of them."""
    monkeypatch.setattr(Trainer, "_watched", lambda self: {})
    sgd = {"name": "sgd", "lr": 0.02, "momentum": 0.0}
    how = recipe(epochs=40, optimizer=sgd, critic={"name": "adam", "lr": 0.5})
    found = unit_images(torch.from_numpy(gaussians()[0]))
    shares, losses = {}, {}
    for kind in (Apart, Hidden):
        model, history = trained(how, model=kind)
        with torch.no_grad():
            scores = model.critic(model.encoder(found))[:, 0]
        shares[kind] = float((scores[:40, None] > scores[40:]).float().mean())
        losses[kind] = history["loss_critic"].iloc[-1]
    assert shares[Apart] > 0.99
    assert losses[Apart] < 0.2
    assert losses[Hidden] > 1.0  # 2 log 2 = 1.39 if it can tell nothing


def test_accumulated_batches_of_a_phase_are_one_of_their_size(monkeypatch):
    """Without views, whose draws are of each batch alone."""
    monkeypatch.setattr(Trainer, "_watched", lambda self: {})

    class Shared(Flat):
        def phases(self):
            return [super().phases()[0], Phase("critic", self.critic_loss, optimizer="critic")]

    sgd = {"name": "sgd", "lr": 0.05}
    found = []
    for size, parts in ((8, 1), (4, 2)):
        how = recipe(batch_size=size, accumulate=parts, optimizer=sgd, critic=sgd)
        model = network(how, Shared)
        streams = {
            name: Stream(one.images, one.views, size, one.labels)
            for name, one in streams_of(how).items()
        }
        trainer = Trainer(model, streams, how, 4, CPU)
        for feed in trainer.feeds.values():
            monkeypatch.setattr(feed, "views", lambda batch: [batch.permute(0, 3, 1, 2) / 255])
        found.append((model.state_dict(), trainer.run()))
    (one, history), (other, parted) = found
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, other[name])
    np.testing.assert_allclose(history["loss_critic"], parted["loss_critic"], rtol=1e-5)
    assert history["loss_critic"].iloc[-1] < history["loss_critic"].iloc[0]


# --- Stops and kills ---


def signalled(phase, number, step):
    """A model that sends its process a signal when it comes to a phase of a step."""

    class Signalled(AdversarialModel):
        seen = 0

        def phases(self):
            return [
                Phase(one.name, self._noting(one), one.optimizer, one.streams, one.fresh)
                for one in super().phases()
            ]

        def _noting(self, one):
            def loss(batch, done):
                if one.name == phase:
                    self.seen += 1
                    if self.seen == step:
                        os.kill(os.getpid(), number)
                return one.loss(batch, done)

            return loss

    return Signalled


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
        trained(how, keeper(), signalled(phase, signal.SIGTERM, 3))
    assert stopped.value.code == 143
    state = keeper().load(CPU)
    assert (state["epoch"], state["step"]) == (0, 3)
    assert set(state["optimizers"]) == {"optimizer", "critic"}
    killed = forked(lambda: trained(how, keeper(), signalled(phase, signal.SIGKILL, 4)))
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
        trained(how, Keeper(tmp_path, "same"), signalled("task", signal.SIGTERM, 3))
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


# --- Mistakes ---


def with_phases(*phases, moved=None):
    class Changed(AdversarialModel):
        def phases(self):
            return [Phase(one[0], self.critic_loss, *one[1:]) for one in phases]

        def moved(self):
            return super().moved() if moved is None else moved(self)

    return Changed


BOTH = [("task", "optimizer"), ("critic", "critic")]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (with_phases(*BOTH, moved=lambda model: {"optimizer": model}),
         "adversarial: the model is moved by the optimisers `optimizer`, and the recipe has "
         "`optimizer`, `critic`"),
        (with_phases(*BOTH, moved=lambda model: {"optimizer": model, "critic": model.critic}),
         "parameter critic.weight must be moved by one optimiser, and is moved by `optimizer`, "),
        (with_phases(*BOTH, moved=lambda m: {"optimizer": m.encoder, "critic": m.critic}),
         r"parameter online.logits.*weight must be moved by one optimiser, and is moved by none"),
        (with_phases(BOTH[0]), "turns with the optimisers `optimizer`, and the recipe has"),
        (with_phases(*BOTH, ("task", "critic")), "names of their own, and are `task`, `critic`, "),
        (with_phases(BOTH[0], ("critic", "critic", ("labeled",))),
         "phase `critic` reads the streams `labeled`, and the training has `labelled`, `unlab"),
    ],
)  # fmt: skip
def test_phases_that_do_not_fit_the_recipe_are_refused(model, message):
    with pytest.raises(ColdstartError, match=message):
        trained(recipe(), model=model)


def test_a_critic_that_diverges_is_named(monkeypatch):
    monkeypatch.setattr(Trainer, "_watched", lambda self: {})
    how = recipe(critic={"name": "sgd", "lr": 1e30})
    with pytest.raises(ColdstartError, match=r"loss_\w+ stopped.*Lower \w+\.lr"):
        trained(how)


def test_learning_rates_of_each_optimizer_are_its_own():
    how = recipe(critic={"name": "adam", "lr": 0.01, "schedule": "cosine"})
    rates = {"optimizer": [], "critic": []}
    model = network(how)
    trainer = Trainer(model, streams_of(how), how, 0, CPU)

    def note(done):
        for name, optimizer in trainer.optimizers.built.items():
            rates[name].append(optimizer.param_groups[0]["lr"])

    model.after_step = note
    trainer.run()
    for name, numbers in how.optimizers().items():
        assert rates[name] == [learning_rate(numbers, step, 5, 3) for step in range(15)]
