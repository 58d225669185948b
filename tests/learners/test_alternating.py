"""MoBY beside cross-entropy, by turns: what each turn sees, moves, and leaves alone."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from coldstart.config.recipes.scores import Score
from coldstart.data.unclassed import UNLABELLED as UNKNOWN
from coldstart.embeddings.score import score
from coldstart.embeddings.tables import read_scores
from coldstart.learners.joint import beside
from coldstart.learners.labels import Bought
from coldstart.learners.networks import answer_seed, load_network
from coldstart.ssl.methods.moby import MobyModel
from coldstart.ssl.momentum import target_decay
from coldstart.ssl.queue import Queue
from coldstart.training.augment import augment
from coldstart.training.backbones import unit_images
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Seen
from coldstart.training.streams import epoch_order, seed_of
from tests.helpers.small_pool import PICKED
from tests.helpers.trainings import CPU, assert_same_states
from tests.helpers.turns import MOBY, PLAIN, SGD, STRONG, TURNS, WEAK, network, recipe, trained

# --- Views ---


@pytest.mark.parametrize(
    ("views", "own", "expected", "classified"),
    [
        ([STRONG, WEAK], WEAK, [STRONG, WEAK], 1),
        ([WEAK, WEAK], WEAK, [WEAK, WEAK], 1),
        ([STRONG, STRONG], WEAK, [STRONG, STRONG, WEAK], 2),
        ([STRONG, WEAK], PLAIN, [STRONG, WEAK, PLAIN], 2),
    ],
)
def test_a_view_of_the_method_that_is_classified_too_is_drawn_once(
    views, own, expected, classified
):
    how = recipe(method=MOBY | {"views": views}, views=[own])
    seen = [view.model_dump()["transforms"] for view in how.streams()["labelled"].views]
    assert seen == [
        how.model_validate(TURNS | {"views": [one]}).views[0].model_dump()["transforms"]
        for one in expected
    ]
    assert how.classified == classified
    assert len(how.streams()["unlabelled"].views) == 2
    leaking = recipe(method=MOBY | {"views": views}, views=[own], leaked=0.5).streams()
    assert len(leaking["unlabelled"].views) == len(expected)


def test_labelled_images_alone_need_no_second_stream():
    how = recipe(unlabelled="none", turns="together")
    assert list(how.streams()) == ["labelled"]
    for wrong in (
        {"on_labelled": False},
        {"epochs_of": "unlabelled"},
        {"turns": "alternating"},
        {"leaked": 0.5},
    ):
        with pytest.raises(ValueError, match=r"on_labelled|must be left out"):
            recipe(**{"unlabelled": "none", "turns": "together"} | wrong)


# --- Losses ---


def batch_of(labels=True):
    views = list(torch.rand(2, 12, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    return Seen(views, torch.arange(12) % 10 if labels else None)


def test_the_weak_view_is_classified_and_both_are_compared():
    """The strong view goes to the query branch first, and the weak one is classified."""
    how = recipe()
    model, again = network(how).train(), network(how).train()
    seen = batch_of()
    loss = model.labelled_loss({LABELLED: seen}, 0.2)
    known = functional.cross_entropy(again(seen.views[1]), seen.labels)
    compared = again.method.loss_of_views(seen.views, 0.2)
    torch.testing.assert_close(loss, known + 0.5 * compared)
    other = model.unlabelled_loss({UNLABELLED: batch_of(labels=False)}, 0.2)
    again.method.after_step(0.2)
    torch.testing.assert_close(other, 0.5 * again.method.loss_of_views(seen.views, 0.2))
    assert int(model.method.queues[0].place) == 24  # both kinds of images leave their keys


def test_labels_that_leaked_count_as_a_part_of_the_batch():
    how = recipe(leaked=0.5)
    seen = batch_of()
    labels = torch.where(torch.arange(12) < 5, seen.labels, UNKNOWN)
    model, again = network(how).train(), network(how).train()
    loss = model.unlabelled_loss({UNLABELLED: Seen(seen.views, labels)}, 0.0)
    compared = again.method.loss_of_views(seen.views, 0.0)
    known = functional.cross_entropy(again(seen.views[1])[:5], labels[:5])
    torch.testing.assert_close(loss, 0.5 * compared + 5 / 12 * known)
    nothing = Seen(seen.views, torch.full((12,), UNKNOWN))
    assert model.unlabelled_loss({UNLABELLED: nothing}, 0.0).isfinite()


def test_turns_are_taken_as_by_a_plain_loop(pool):
    """Textbook loop: a labelled batch, a step, the target follows; the same for an unlabelled.

    In float64, since 20 steps make a thousand times as much of each rounding.
    """
    how = recipe(optimizer=SGD | {"lr": 0.02, "schedule": "step", "milestones": [1]}, epochs=2)
    model, history = trained(how, pool, model=network(how).double())
    plain = network(how).double().train()
    sgd = torch.optim.SGD(plain.parameters(), momentum=0.9, lr=1.0, foreach=False)
    images, losses = unit_images(torch.from_numpy(pool.images[:80])), []
    for step in range(10):
        epoch, within = divmod(step, 5)
        turns = []
        for stream, first in ((0, 0), (1, 40)):
            rows = first + epoch_order(40, 4, epoch, stream)[8 * within : 8 * within + 8]
            generator = torch.Generator().manual_seed(seed_of(4, 1, step, stream))
            views = [augment(images[rows], view, generator) for view in how.method.views]
            loss = torch.zeros(())
            if not stream:
                labels = torch.from_numpy(pool.labels)[rows]
                loss = functional.cross_entropy(plain(views[1]).float(), labels)
            loss = loss + 0.5 * plain.method.loss_of_views(views, step / 10)
            for group in sgd.param_groups:
                group["lr"] = 0.02 * 0.1**epoch
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            plain.method.after_step((step + stream) / 10)
            turns.append(loss.item())
        losses.append(turns)
    found = history[["loss", "loss_unlabelled"]].to_numpy()
    np.testing.assert_allclose(found, np.reshape(losses, (2, 5, 2)).mean(1), rtol=1e-5)
    assert history["lr"].tolist() == pytest.approx([0.02, 0.002])
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-5, atol=1e-5)


def test_the_momentum_rises_from_its_start_to_one(pool, monkeypatch):
    decays = []
    plain = MobyModel.after_step

    def noted(self, done):
        decays.append((done, target_decay(self.recipe, done)))
        plain(self, done)

    monkeypatch.setattr(MobyModel, "after_step", noted)
    trained(recipe(), pool)
    assert len(decays) == 2 * 15
    assert decays[0] == (0.0, pytest.approx(0.9))
    assert decays[-1] == (1.0, 1.0)
    assert (np.diff([decay for _, decay in decays]) >= 0).all()


def test_a_frozen_head_stays_as_it_was_drawn(pool):
    for frozen in (True, False):
        how = recipe(frozen_head=frozen)
        model, _ = trained(how, pool)
        same = torch.equal(model.head[-1].weight, network(how).head[-1].weight)
        assert same == frozen
        drawn = network(how).encoder.state_dict()
        assert not all(torch.equal(drawn[n], t) for n, t in model.encoder.state_dict().items())


def test_predicting_touches_neither_queues_nor_the_key_encoder(pool, monkeypatch):
    model = pool.learn(learner=recipe(epochs=1))
    path = model.path("model.safetensors")
    network = load_network(path, recipe(epochs=1), (8, 8, 1), 10, CPU)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network(torch.from_numpy(pool.images))
    assert_same_states(network.state_dict(), before)

    def refused(*args):
        raise AssertionError("an evaluation has no keys")

    for kind, name in ((Queue, "put"), (Queue, "snapshot"), (MobyModel, "keys")):
        monkeypatch.setattr(kind, name, refused)
    tables = pool.predict(model)
    assert {"embeddings.parquet", "predictions.parquet"} == set(tables.manifest["files"])


# --- Images ---


def chosen(pool, how, out="images-of", seed=1, outliers=(), **inputs):
    """Images beside the labelled ones of a job, and their labels."""
    given = {"images": "images", "index": "index", "labels": "labels"} | inputs
    bought = Bought(np.array(sorted(PICKED)), pool.labels[sorted(PICKED)], np.array(outliers, int))
    job = pool.job(out, given, {"classes": 10})
    return beside(job, how, bought, Images(pool.images, np.arange(300)), seed)


def test_images_beside_the_labelled_ones(pool):
    rest = np.setdiff1d(np.arange(300), [*PICKED, 5])
    everything = chosen(pool, recipe(unlabelled="all")).images.rows
    assert everything.tolist() == list(range(300))
    others = chosen(pool, recipe(unlabelled="without-label"), outliers=[5]).images.rows
    assert others.tolist() == rest.tolist()
    for kind in ("as-many", "lowest-loss"):  # no model of a cycle before: drawn
        drawn = chosen(pool, recipe(unlabelled=kind), outliers=[5]).images.rows
        assert len(drawn) == len(PICKED)
        assert np.isin(drawn, rest).all()
        assert (np.diff(drawn) > 0).all()
        assert not np.array_equal(drawn, chosen(pool, recipe(unlabelled=kind), seed=2).images.rows)
        again = chosen(pool, recipe(unlabelled=kind), outliers=[5]).images.rows
        assert np.array_equal(drawn, again)


def test_where_all_images_are_labelled_they_stand_in_for_the_others(pool):
    how = recipe()
    bought = Bought(np.arange(299), pool.labels[:299], np.empty(0, int))
    job = pool.job("all", {"labels": "labels"}, {"classes": 10})
    found = beside(job, how, bought, Images(pool.images, np.arange(300)), 0)
    assert len(found.images) == 300


def test_images_of_the_lowest_loss_are_those_by_the_model_of_the_cycle_before(pool):
    how = recipe(unlabelled="lowest-loss")
    model = pool.learn(learner=how)
    rows = chosen(pool, how, before=model).images.rows
    loaded = load_network(model.path("model.safetensors"), how, (8, 8, 1), 10, CPU)
    rest = np.setdiff1d(np.arange(300), PICKED)
    asked = Score(score="loss", passes=1)
    views = how.method.views
    losses = score(loaded.method, pool.images[rest], rest, views, asked, 1, CPU)[0]
    assert set(rows) == set(rest[np.argsort(losses)[: len(PICKED)]])
    left = np.setdiff1d(rest, rows)
    assert losses[np.isin(rest, rows)].max() <= losses[np.isin(rest, left)].min()


def test_leaked_labels_are_true_and_a_share_of_all(pool):
    labels = pd.array(pool.labels, dtype="Int64")
    labels[:30] = pd.NA
    pool.know(labels)
    found = chosen(pool, recipe(unlabelled="without-label", leaked=0.5))
    rows, leaked = found.images.rows, found.labels.numpy()
    known = leaked != UNKNOWN
    assert (leaked[known] == pool.labels[rows[known]]).all()
    assert not known[rows < 30].any()
    assert abs(known.sum() - 0.5 * len(rows)) < 30
    assert chosen(pool, recipe()).labels is None


def test_known_labels_alone_reach_a_training_without_a_leak(pool):
    """Other labels of images that nobody bought change nothing, unless labels leak."""
    weights = {}
    for leaked in (0.0, 0.5):
        for name, shift in (("true", 0), ("other", 1)):
            changed = (pool.labels + shift) % 10
            changed[PICKED] = pool.labels[PICKED]
            pool.know(changed)
            model = pool.learn(f"{name}-{leaked}", recipe(epochs=1, leaked=leaked))
            weights[name, leaked] = load_file(model.path("model.safetensors"))
    for leaked in (0.0, 0.5):
        one, other = weights["true", leaked], weights["other", leaked]
        assert all(torch.equal(one[name], other[name]) for name in one) == (not leaked)


# --- Scores ---


def test_a_joint_model_gives_each_image_its_loss(pool):
    """The loss of the method's views in evaluation mode, whatever else is asked for."""
    how = recipe(epochs=1)
    model = pool.learn(learner=how)
    tables = pool.predict(model, outputs={"scores": ["candidates"], "embeddings": ["candidates"]})
    ids, values = read_scores(tables.path("scores.parquet"))
    loaded = load_network(model.path("model.safetensors"), how, (8, 8, 1), 10, CPU)
    asked, seed = Score(score="loss", passes=1), answer_seed({"encoder_seed": 0, "trial": 0}, 0)
    losses = score(
        loaded.method, pool.images[:300], np.arange(300), how.method.views, asked, seed, CPU
    )
    assert ids.tolist() == list(range(300))
    np.testing.assert_allclose(values[:, 0], losses[0], rtol=1e-5)
    picks, _ = pool.query({"sampler": "learner-score", "order": "highest"}, {"scores": tables})
    left = [one for one in np.argsort(-losses[0], kind="stable") if one not in PICKED]
    assert picks["id"].tolist()[len(PICKED) :] == left[: 24 - len(PICKED)]
