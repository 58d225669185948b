"""Several optimisers that take turns within a step: games whose course is known.

A game of two numbers has a closed form. A critic that tells labelled images from others, and an
encoder that wants them alike, are trained again by a plain loop.
"""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from coldstart.training.model import Phase, Trainable
from coldstart.training.optim import learning_rate
from coldstart.training.streams import Stream, epoch_order, seed_of
from coldstart.training.trainer import Trainer
from tests.helpers.adversaries import (
    AdversarialModel,
    gaussians,
    network,
    recipe,
    streams_of,
    trained,
)
from tests.helpers.trainings import CPU

LR = 0.1


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
