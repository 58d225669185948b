"""Training on two streams of different lengths: SimCLR on all images, cross-entropy on some."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from coldstart.config.recipes.learners.joint import Joint
from coldstart.learners.networks import build_network, load_network
from coldstart.ssl.contrast import nt_xent
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Inputs, Seen
from coldstart.training.optim import learning_rate
from coldstart.training.streams import Feed, Stream, epoch_order, seed_of
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import PICKED, SETTINGS
from tests.helpers.stopping import stopped_at

CPU = torch.device("cpu")
INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.3), torch.full((1,), 0.3))
METHOD = {
    "method": "simclr",
    "backbone": SETTINGS["backbone"],
    "views": [{"transforms": [{"op": "shift", "pixels": 1}]}] * 2,
    "projector": {"widths": [16, 8]},
    "temperature": 0.5,
    "optimizer": SETTINGS["optimizer"],
    "epochs": 1,
    "batch_size": 64,
}
JOINT = SETTINGS | {"learner": "joint", "method": METHOD, "epochs": 3, "batch_size": 6}


def joint(**changes):
    return Joint.model_validate(JOINT | changes)


def weights(model):
    return load_file(model.path("model.safetensors"))


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("stream", ["labelled", "unlabelled"])
def test_one_stream_counts_the_epochs_and_the_other_runs_beside_it(pool, stream):
    """16 labelled images in batches of 6, and 300 in batches of 64 or, if they count, of 6."""
    seen = {}
    plain = Feed.batches

    def counted(self, first, count):
        for images, labels in plain(self, first, count):
            seen.setdefault("labelled" if labels is not None else "unlabelled", []).append(
                len(images)
            )
            yield images, labels

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Feed, "batches", counted)
        pool.learn(learner=joint(epochs_of=stream))
    if stream == "labelled":
        assert seen == {"labelled": [6] * 2 * 3, "unlabelled": [64] * 2 * 3}
    else:
        assert seen == {"labelled": [6] * 50 * 3, "unlabelled": [6] * 50 * 3}


@pytest.mark.parametrize("stream", ["labelled", "unlabelled"])
@pytest.mark.parametrize("at", [3, 40])
def test_a_joint_training_that_was_stopped_ends_as_the_uninterrupted_one(
    pool, monkeypatch, stream, at
):
    recipe = joint(epochs_of=stream, epochs=30 if stream == "labelled" else 2, dropout=0.3)
    whole = weights(pool.learn("whole", recipe))
    with stopped_at(at):
        pool.learn("parts", recipe)
    assert same(whole, weights(pool.learn("parts", recipe)))


def test_a_joint_training_equals_a_plain_loop(pool):
    """The same steps one after the other, with textbook SGD and whole epochs of both streams."""
    optimizer = {"name": "sgd", "lr": 0.01, "momentum": 0.9, "schedule": "constant"}
    recipe = joint(epochs_of="labelled", epochs=4, optimizer=optimizer, precision="fp32")
    labels = torch.from_numpy(pool.labels[PICKED])
    streams = {
        LABELLED: Stream(Images(pool.images, np.array(PICKED)), recipe.views, 6, labels),
        UNLABELLED: Stream(
            Images(pool.images, np.arange(130)), recipe.method.views, recipe.method.batch_size
        ),
    }
    trained = build_network(recipe, INPUTS, 10, 3)
    Trainer(trained, streams, recipe, 5, CPU).run()

    model = build_network(recipe, INPUTS, 10, 3).train()
    sgd = torch.optim.SGD(model.parameters(), momentum=0.9, lr=0.01, foreach=False)
    for step in range(8):
        epoch, within = divmod(step, 2)  # 16 // 6 batches
        rows = epoch_order(16, 5, epoch)[6 * within : 6 * within + 6]
        epoch, within = divmod(step, 2)  # 130 // 64 batches
        others = epoch_order(130, 5, epoch, stream=1)[64 * within : 64 * within + 64]
        generator = torch.Generator().manual_seed(seed_of(5, 1, step))
        view = augment(
            unit_images(torch.from_numpy(pool.images[PICKED])[rows]), recipe.views[0], generator
        )
        generator = torch.Generator().manual_seed(seed_of(5, 1, step, stream=1))
        images = unit_images(torch.from_numpy(pool.images[:130])[others])
        views = [augment(images, how, generator) for how in recipe.method.views]
        known = functional.cross_entropy(model(view), labels[rows])
        loss = known + model.method.losses(views).mean()
        for group in sgd.param_groups:
            group["lr"] = learning_rate(recipe.optimizer, step, 2, 4)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_the_joint_loss_is_the_sum_of_both():
    model = build_network(joint(weight=0.25), INPUTS, 10, 0).train()
    images = torch.rand(8, 1, 8, 8)
    labels = torch.arange(8)
    batch = {LABELLED: Seen([images], labels), UNLABELLED: Seen([images, images.flip(3)])}
    loss = model.training_loss(batch, 0.0)
    again = build_network(joint(weight=0.25), INPUTS, 10, 0).train()
    known = functional.cross_entropy(again(images), labels)
    torch.testing.assert_close(
        loss, known + 0.25 * again.method.losses(batch[UNLABELLED].views).mean()
    )


def test_a_joint_model_learns_both_tasks(pool):
    """Noughts and ones are told apart from two labels each, and views of an image are alike.

    A weight of nought learns the first task alone.
    """
    labels = pd.array(pool.labels, dtype="Int64")
    inside = np.isin(pool.labels, [0, 1])
    labels[~inside] = pd.NA
    pool.know(labels)
    digits = [np.flatnonzero(pool.labels[:300] == digit)[:2].tolist() for digit in (0, 1)]
    pool.pick({0: digits[0] + digits[1]})
    adam = {"name": "adam", "lr": 0.003, "schedule": "cosine"}
    images = unit_images(torch.from_numpy(pool.images[300:]))
    alike = {}
    for weight in (0.0, 1.0):
        recipe = joint(weight=weight, epochs=20, batch_size=50, optimizer=adam)
        model = pool.learn(f"weight-{weight}", recipe, budget=4, classes=2)
        network = load_network(model.path("model.safetensors"), recipe, (8, 8, 1), 2, CPU)
        with torch.no_grad():
            found = network(torch.from_numpy(pool.images[inside])).argmax(1).numpy()
            views = [images, torch.roll(images, 1, dims=3)]
            first, second = (network.method.keys(view) for view in views)
            alike[weight] = float(nt_xent(first, second, 0.5).mean())
        assert (found == pool.labels[inside]).mean() > 0.9
    assert alike[1.0] < alike[0.0] - 0.3


def test_known_labels_alone_reach_the_cross_entropy(pool):
    """Other labels of images that nobody bought change nothing, though the images are seen."""
    recipe = joint(epochs=1)
    before = weights(pool.learn("before", recipe))
    changed = (pool.labels + 1) % 10
    changed[PICKED] = pool.labels[PICKED]
    pool.know(changed)
    assert same(before, weights(pool.learn("after", recipe)))


def test_a_joint_model_predicts_like_any_other(pool):
    recipe = joint(epochs=1)
    tables = pool.predict(pool.learn(learner=recipe))
    assert {"embeddings.parquet", "predictions.parquet"} == set(tables.manifest["files"])


def test_streams_draw_orders_and_views_of_their_own():
    assert not torch.equal(epoch_order(50, 1, 0), epoch_order(50, 1, 0, stream=1))
    seeds = {seed_of(1, purpose, 3, stream) for purpose in range(4) for stream in range(3)}
    assert len(seeds) == 12
