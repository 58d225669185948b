"""DAL-OSR's classifiers of codes, with a decoder and without."""

import signal

import numpy as np
import pytest
import torch
from torch.nn import functional

from coldstart.config.recipes.learners.variational import Variational
from coldstart.embeddings.tables import read_embeddings
from coldstart.learners.networks import build_network, load_network
from coldstart.training.backbones import unit_images
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, Inputs, Seen
from coldstart.training.resume import Keeper
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import PICKED, SETTINGS
from tests.helpers.trainings import CPU, assert_same_states, interrupt, send, together

INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.3), torch.full((1,), 0.3))
DECODER = {"start": 8, "widths": [8, 6, 4], "blocks": 1}


def recipe(**changes):
    settings = SETTINGS | {
        "batch_size": 8,
        "learner": "variational",
        "latent": 6,
        "precision": "fp32",
    }
    return Variational.model_validate(settings | changes)


def network(how, inputs=INPUTS):
    return build_network(how, inputs, 10, 3)


def batch(count=12):
    images = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return {LABELLED: Seen([images], torch.arange(count) % 10)}


def plain_loss(model, seen, noise, kl_weight):
    """The paper's terms one by one, each a sum divided by the number of its elements."""
    features = model.encoder(seen.views[0])
    mean = features @ model.mean.weight.T
    std = features @ model.deviation.weight.T
    codes = mean + std * noise
    logits = codes @ model.head.weight.T
    loss = torch.stack(
        [-torch.log_softmax(row, 0)[label] for row, label in zip(logits, seen.labels, strict=True)]
    ).sum() / len(logits)
    kl = 0.5 * (mean**2 + std**2 - 1 - torch.log(1e-8 + std**2))
    loss = loss + kl_weight * kl.sum() / kl.numel()
    if model.decoder is None:
        return loss
    pixels, images = torch.sigmoid(model.decoder(codes)), seen.views[0]
    error = -(images * pixels.log() + (1 - images) * (1 - pixels).log())
    return loss + error.sum() / images.numel()


@pytest.mark.parametrize("decoder", [None, DECODER])
def test_the_loss_has_the_terms_of_the_paper(decoder):
    how = recipe(decoder=decoder, kl_weight=0.3)
    model, again = network(how).train(), network(how).train()
    seen = batch()
    loss = model.training_loss(seen, 0.25)
    noise = again.noise.like(torch.empty(12, 6), 0.25)
    torch.testing.assert_close(loss, plain_loss(again, seen[LABELLED], noise, 0.3))


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (13, 9)])
def test_decoders_give_images_of_every_size(size):
    how = recipe(decoder=DECODER)
    model = network(how, Inputs(*size, 3, torch.zeros(3), torch.ones(3)))
    assert model.decoder(torch.zeros(2, 6)).shape == (2, 3, *size)


def test_predictions_and_embeddings_are_of_the_mean_and_so_without_chance(pool):
    how = recipe()
    model = pool.learn(learner=how)
    tables = pool.predict(model)
    _, embeddings = read_embeddings(tables.path("embeddings.parquet"), "candidates")
    loaded = load_network(model.path("model.safetensors"), how, (8, 8, 1), 10, CPU)
    with torch.no_grad():
        mean = loaded.mean(loaded.encoder(torch.from_numpy(pool.images[:300])))
    assert embeddings.shape == (300, 6)
    np.testing.assert_allclose(embeddings, mean, rtol=1e-4, atol=1e-5)


def test_a_code_of_known_digits_tells_them_and_a_decoder_draws_them(pool):
    adam = {"name": "adam", "lr": 0.01}
    still = [{"transforms": []}]
    how = recipe(epochs=50, batch_size=50, decoder=DECODER, optimizer=adam, views=still)
    pool.pick({0: list(range(200))})
    model = pool.learn(learner=how, budget=200)
    loaded = load_network(model.path("model.safetensors"), how, (8, 8, 1), 10, CPU)
    images = torch.from_numpy(pool.images[:300])
    with torch.no_grad():
        embeddings = loaded.encoder(images)
        right = loaded.logits(embeddings).argmax(1).numpy() == pool.labels[:300]
        drawn = torch.sigmoid(loaded.decoder(loaded.mean(embeddings)))
    assert right[200:].mean() > 0.6
    truth, drawn = unit_images(images)[:200], drawn[:200]
    error = (drawn - truth).square().mean()
    assert error < 0.8 * (truth - truth.mean(0)).square().mean()


def trained(how, pool, keeper=None):
    model = network(how)
    labels = torch.from_numpy(pool.labels[PICKED])
    stream = Stream(Images(pool.images, np.array(PICKED)), how.views, 8, labels)
    history = Trainer(model, {LABELLED: stream}, how, 5, CPU, keeper).run()
    return model.state_dict(), history.drop(columns="images_per_second").to_dict("list")


def test_a_stopped_training_ends_as_the_uninterrupted_one(pool, tmp_path, monkeypatch):
    how = recipe(decoder=DECODER, epochs=3)
    whole, _ = trained(how, pool)
    with monkeypatch.context() as patch:
        interrupt(patch, 4, send(signal.SIGTERM))
        with pytest.raises(SystemExit):
            trained(how, pool, Keeper(tmp_path / "resume", "same"))
    assert_same_states(trained(how, pool, Keeper(tmp_path / "resume", "same"))[0], whole)


def test_two_processes_train_the_same_as_one(pool, tmp_path):
    how = recipe(epochs=2, optimizer=SETTINGS["optimizer"] | {"lr": 0.01})
    alone = trained(how, pool)
    for state, history in together(lambda: trained(how, pool), tmp_path):
        for name, tensor in alone[0].items():
            torch.testing.assert_close(state[name], tensor, rtol=5e-3, atol=1e-3)
        np.testing.assert_allclose(history["loss"], alone[1]["loss"], rtol=1e-3)


def test_each_process_has_noise_of_its_own(tmp_path):
    def drawn():
        return network(recipe()).noise.like(torch.empty(4, 6), 0.5)

    rows = torch.cat(together(drawn, tmp_path))
    assert torch.equal(rows, network(recipe()).noise.like(torch.empty(8, 6), 0.5))
    assert functional.mse_loss(rows[:4], rows[4:]) > 0.5
