"""VAAL: a game whose outcome is known, its losses by their formulas, and its images."""

import signal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from torch.distributions import Normal, kl_divergence
from torch.nn import functional

from coldstart.config.recipes.learners.vaal import Vaal
from coldstart.embeddings.tables import read_scores
from coldstart.learners import training
from coldstart.learners.networks import build_network, load_network
from coldstart.learners.vaal import VaalModel
from coldstart.training import resume
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Inputs, Seen
from coldstart.training.resume import Keeper
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import CANDIDATES, PICKED
from tests.helpers.stopping import signalling
from tests.helpers.trainings import CPU, assert_same_states, ended, forked, together

INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.5), torch.full((1,), 0.2))
ADAM = {"name": "adam", "lr": 0.0005}
SETTINGS = {
    "learner": "vaal", "backbone": {"family": "dcgan", "widths": [8, 16], "latent": 8},
    "views": [{"transforms": []}], "optimizer": ADAM, "discriminator": ADAM, "hidden": [32, 32],
    "total_steps": 12, "batch_size": 16, "precision": "fp32",
}  # fmt: skip


def recipe(**changes):
    return Vaal.model_validate(SETTINGS | changes)


def gaussians():
    """200 images that are bright on the left, and 120 that are bright on the right."""
    images = np.random.default_rng(0).normal(110, 25, (320, 8, 8, 1))
    images[:200, :, :4] += 40
    images[:200, :, 4:] -= 40
    images[200:, :, :4] -= 40
    images[200:, :, 4:] += 40
    return np.clip(images, 0, 255).astype(np.uint8)


def streams_of(how, labelled=60):
    """Images of the first kind alone have a label; all labels are wrong."""
    images = gaussians()
    known = torch.full((labelled,), -7)
    return {
        UNLABELLED: Stream(Images(images, np.arange(labelled, 320)), how.views, how.batch_size),
        LABELLED: Stream(Images(images, np.arange(labelled)), how.views, how.batch_size, known),
    }


def trained(how, keeper=None, model=VaalModel, labelled=60):
    torch.manual_seed(1)
    built = model(how, INPUTS)
    streams = streams_of(how, labelled)
    how = how.settled(320 - labelled)
    history = Trainer(built, streams, how, 4, CPU, keeper).run()
    return built, history.drop(columns="images_per_second")


def batch_of(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return {
        name: Seen([torch.rand(count, 1, 8, 8, generator=rng)]) for name in (LABELLED, UNLABELLED)
    }


# --- The game ---


@pytest.mark.parametrize("scale", ["per-image", "as-published"])
def test_images_unlike_any_labelled_one_are_found_unless_codes_collapse(scale):
    """One of two kinds is nowhere among the labelled images."""
    how = recipe(total_steps=400, batch_size=32, kl_scale=scale)
    model, history = trained(how)
    model.eval()
    with torch.inference_mode():
        features = model.encoder(torch.from_numpy(gaussians()))
        codes, scores = model.online.mean(features), model.scores(features).numpy()
    size = float(codes.abs().mean())
    assert history["code_size"].iloc[-1] == pytest.approx(size, rel=0.2)
    known_first = roc_auc_score(np.arange(60, 320) < 200, scores[60:])
    if scale == "per-image":
        assert known_first > 0.95
        assert scores[:60].mean() > scores[60:].mean() + 0.02
        assert (np.argsort(scores[60:])[:50] >= 140).all()  # of the new kind
        assert size > 0.5
    else:
        assert size < 0.05
        assert known_first < 0.9


# --- The losses ---


def test_losses_are_those_of_the_paper():
    """Equations 1 to 3 with torch's divergence and cross-entropies, each kind a batch by itself."""
    model = build_network(recipe(batches="apart", kl_weight=0.3), INPUTS, 10, 3).train()
    noise = iter(torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(5)))
    model.noise.like = lambda codes, done: next(noise)
    batch = batch_of(6)
    loss = model.training_loss(batch, 0.5)
    noise = iter(torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(5)))
    expected, logits = 0.0, {}
    for name in (UNLABELLED, LABELLED):
        images = batch[name].views[0] * 2 - 1
        features = model.online.features(images)
        mean, log_variance = model.online.mean(features), model.online.log_variance(features)
        deviation = (log_variance / 2).exp()
        decoded = model.online.decoder(mean + deviation * next(noise))
        divergence = kl_divergence(Normal(mean, deviation), Normal(0.0, 1.0)).sum(1).mean()
        logits[name] = model.discriminator(mean)
        fooled = functional.binary_cross_entropy_with_logits(
            logits[name], torch.ones_like(logits[name])
        )
        expected += functional.mse_loss(decoded, images) + 0.3 * divergence / 64 + fooled
    torch.testing.assert_close(loss, expected)
    told_apart = [
        functional.binary_cross_entropy_with_logits(logits[name], torch.full_like(logits[name], to))
        for name, to in ((LABELLED, 1.0), (UNLABELLED, 0.0))
    ]
    torch.testing.assert_close(model.discriminator_loss(batch, 0.5), sum(told_apart))


def divergence(model, count):
    mean, log_variance = torch.full((count, 8), 0.7), torch.full((count, 8), -0.4)
    return float(model._divergence(mean, log_variance))


def test_divergence_of_an_image_does_not_depend_on_the_batch_s_size():
    model = build_network(recipe(), INPUTS, 10, 0)
    by_hand = 8 * (0.7**2 + np.exp(-0.4) - 1 + 0.4) / 2
    assert divergence(model, 4) == pytest.approx(by_hand / 64)
    assert divergence(model, 400) == pytest.approx(by_hand / 64)
    published = build_network(recipe(kl_scale="as-published"), INPUTS, 10, 0)
    assert divergence(published, 4) == pytest.approx(4 * by_hand, rel=1e-5)
    assert divergence(published, 400) == pytest.approx(400 * by_hand, rel=1e-5)


def test_together_both_kinds_are_one_batch_to_batchnorm():
    """Brighter images without a label stay apart from labelled ones only in one batch."""
    bright = {
        LABELLED: Seen([torch.rand(8, 1, 8, 8) / 2]),
        UNLABELLED: Seen([torch.rand(8, 1, 8, 8) / 2 + 0.5]),
    }
    gaps = {}
    for batches in ("together", "apart"):
        model = build_network(recipe(batches=batches), INPUTS, 10, 0).train()
        passed = []
        norm = model.online.features.backbone.convolutions[1]
        # In place, ReLU changes it afterwards.
        norm.register_forward_hook(
            lambda layer, given, out, passed=passed: passed.append(out.clone())
        )
        with torch.no_grad():
            model._features(bright)
        others, known = torch.cat(passed).mean((2, 3)).split(8)
        gaps[batches] = float((others.mean(0) - known.mean(0)).norm())
    assert gaps["apart"] < 1e-5
    assert gaps["together"] > 0.5


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 32), (45, 70)])
def test_images_of_every_size_are_decoded_to_their_size(size):
    how = recipe(backbone={"family": "dcgan", "widths": [4, 5, 6], "latent": 3})
    model = build_network(how, Inputs(*size, 3, torch.zeros(3), torch.ones(3)), 10, 0)
    assert model.online.decoder(torch.randn(2, 3)).shape == (2, 3, *size)


# --- Phases and steps ---


def test_each_move_of_the_autoencoder_sees_new_images_and_the_discriminator_the_last(monkeypatch):
    seen = []

    class Watched(VaalModel):
        def training_loss(self, batch, done):
            seen.append(("vae", batch))
            return super().training_loss(batch, done)

        def discriminator_loss(self, batch, done):
            seen.append(("discriminator", batch))
            return super().discriminator_loss(batch, done)

    trained(recipe(total_steps=3), model=Watched)
    assert [kind for kind, _ in seen] == ["vae", "vae", "discriminator"] * 3
    for name in (LABELLED, UNLABELLED):
        views = [batch[name].views[0] for _, batch in seen]
        assert torch.equal(views[1], views[2])
        assert not torch.equal(views[0], views[1])
        assert not torch.equal(views[2], views[3])


@pytest.mark.parametrize("labelled", [5, 60, 200, 304])
def test_a_training_has_its_steps_however_many_images_are_labelled(labelled):
    steps = []

    class Counted(VaalModel):
        def after_step(self, done):
            super().after_step(done)
            steps.append(done)

    trained(recipe(total_steps=20), model=Counted, labelled=labelled)
    passes = int(np.ceil(20 / ((320 - labelled) // 16)))
    assert 20 <= len(steps) <= 20 + passes
    assert steps[-1] == 1.0


@pytest.mark.parametrize("phase", ["vae_0", "vae_1", "discriminator"])
def test_training_stopped_and_killed_in_a_phase_is_bit_identical(phase, tmp_path, monkeypatch):
    monkeypatch.setattr(resume, "SHARE", 1e9)  # save after each epoch, whatever that costs
    how = recipe(total_steps=30)
    whole, history = trained(how)

    def keeper():
        return Keeper(tmp_path, "same")

    with pytest.raises(SystemExit) as stopped:
        trained(how, keeper(), signalling(VaalModel, phase, signal.SIGTERM, 3))
    assert stopped.value.code == 143
    state = keeper().load(CPU)
    assert (state["epoch"], state["step"]) == (0, 3)
    killed = forked(
        lambda: trained(how, keeper(), signalling(VaalModel, phase, signal.SIGKILL, 14))
    )
    assert ended(killed) == -signal.SIGKILL
    assert keeper().load(CPU)["epoch"] == 1
    model, resumed = trained(how, keeper())
    assert_same_states(model.state_dict(), whole.state_dict())
    assert resumed.equals(history)


def test_two_processes_train_the_same_game(tmp_path):
    how = recipe(total_steps=4)

    def found():
        model, history = trained(how)
        return model.state_dict(), history["loss"].tolist()

    one, other = together(found, tmp_path)
    names = [name for name in one[0] if "running" not in name]
    for name in names:  # BatchNorm's statistics are each process's own
        torch.testing.assert_close(one[0][name], other[0][name])
    assert one[1] == other[1]


# --- In a job ---


def weights(model):
    return load_file(model.path("model.safetensors"))


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_no_label_is_read(pool):
    before = weights(pool.learn("before", recipe()))
    pool.know((pool.labels + 3) % 10)
    assert same(before, weights(pool.learn("after", recipe())))
    pool.pick({0: PICKED[:12]})
    assert not same(before, weights(pool.learn("other", recipe(), budget=12)))


def test_images_without_a_label_are_the_candidates_that_are_left(pool, monkeypatch):
    """Neither bought images nor others of the pool, and of the bought ones no outlier."""
    index = pd.read_parquet(pool.folder / "index/index.parquet")
    more = pd.DataFrame({"id": range(300, 350), "split": "unlabeled"})
    pd.concat([index, more]).to_parquet(pool.folder / "index/index.parquet")
    labels = pd.array(pool.labels, dtype="Int64")
    labels[PICKED[1]] = pd.NA
    pool.know(labels)
    seen = {}

    class Watched(training.Trainer):
        def __init__(self, model, streams, *rest, **more):
            seen.update({name: set(stream.images.rows) for name, stream in streams.items()})
            super().__init__(model, streams, *rest, **more)

    monkeypatch.setattr(training, "Trainer", Watched)
    pool.learn(learner=recipe())
    assert seen[UNLABELLED] == set(CANDIDATES) - set(PICKED)
    assert seen[LABELLED] == set(PICKED) - {PICKED[1]}


def test_scores_are_the_stored_discriminator_s_without_flips_and_in_evaluation_mode(pool):
    how = recipe(views=[{"transforms": [{"op": "flip", "probability": 1.0}]}])
    models = [pool.learn(f"model{member}", how, member=member) for member in range(2)]
    tables = pool.predict(*models, outputs={"scores": ["candidates"]})
    assert set(tables.manifest["files"]) == {"scores.parquet"}
    ids, found = read_scores(tables.path("scores.parquet"))
    assert ids.tolist() == list(CANDIDATES)
    for member, model in enumerate(models):
        network = load_network(model.path("model.safetensors"), how, (8, 8, 1), 10, CPU)
        with torch.no_grad():  # one by one, so that no other image of a batch matters
            images = torch.from_numpy(pool.images[:40])
            parts = [network.scores(network.encoder(one[None])) for one in images]
        np.testing.assert_allclose(found[:40, member], torch.cat(parts), rtol=1e-5)


def test_the_sampler_picks_what_looks_least_labelled(pool):
    tables = pool.predict(pool.learn(learner=recipe()), outputs={"scores": ["candidates"]})
    ids, scores = read_scores(tables.path("scores.parquet"))
    left = ~np.isin(ids, PICKED)
    expected = ids[left][np.argsort(scores[left, 0], kind="stable")]
    for order, rows in (("lowest", expected), ("highest", expected[::-1])):
        sampler = {"sampler": "learner-score", "order": order}
        picked = pool.query(sampler, {"scores": tables}, out=order)[0]
        assert picked["id"].tolist()[len(PICKED) :] == rows[:8].tolist()
