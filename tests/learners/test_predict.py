import numpy as np
import pytest
import torch
from torch import nn

from coldstart.config.recipes.learners.classifier import Classifier
from coldstart.config.recipes.predictions import Prediction
from coldstart.embeddings.tables import read_embeddings, read_predictions
from coldstart.learners.model import dropping
from coldstart.learners.networks import load_network
from coldstart.training.backbones import Encoder
from tests.helpers.small_pool import CANDIDATES, RECIPE, SETTINGS

CPU = torch.device("cpu")
KINDS = (nn.BatchNorm2d, nn.Dropout)
DROPPING = Classifier.model_validate(SETTINGS | {"dropout": 0.5})
PROJECTION = {"widths": [12, 6], "batchnorm": False}
PROJECTING = Classifier.model_validate(SETTINGS | {"dropout": 0.5, "projection": PROJECTION})


def votes(tables, split="candidates"):
    return read_predictions(tables.path("predictions.parquet"), split)


def network(model, recipe=RECIPE):
    return load_network(model.path("model.safetensors"), recipe, (8, 8, 1), 10, CPU)


def probabilities(model, pool, split, recipe=RECIPE):
    with torch.no_grad():
        logits = network(model, recipe)(torch.from_numpy(pool.images[split])).double()
    return torch.softmax(logits, 1).numpy()


def test_predictions_are_those_of_the_stored_model(pool):
    model = pool.learn()
    tables = pool.predict(model, outputs={"predictions": ["candidates", "test"]})
    assert set(tables.manifest["files"]) == {"predictions.parquet"}
    for split, rows in (("candidates", slice(0, 300)), ("test", slice(300, 400))):
        ids, found = votes(tables, split)
        assert ids.tolist() == list(range(400))[rows]
        assert found.shape == (len(ids), 1, 10)
        np.testing.assert_allclose(found[:, 0], probabilities(model, pool, rows), rtol=1e-5)


@pytest.mark.parametrize("asked", [{}, {"passes": 5, "dropout": True}], ids=["plain", "dropout"])
def test_images_pass_the_encoder_once_for_all_tables(pool, monkeypatch, asked):
    recipe = PROJECTING if asked else RECIPE
    model = pool.learn(learner=recipe)
    passed = []
    plain = Encoder.forward
    monkeypatch.setattr(
        Encoder, "forward", lambda self, images: passed.append(len(images)) or plain(self, images)
    )
    tables = pool.predict(model, **asked)
    assert sum(passed) == len(CANDIDATES)
    ids, embeddings = read_embeddings(tables.path("embeddings.parquet"), "candidates")
    assert ids.tolist() == list(CANDIDATES)
    with torch.no_grad():
        learnt = network(model, recipe)
        expected = learnt.penultimate(learnt.encoder(torch.from_numpy(pool.images[:300]))).numpy()
    np.testing.assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-5)


def test_members_vote_each_for_itself(pool):
    models = [pool.learn(f"model{member}", member=member) for member in range(3)]
    ids, found = votes(pool.predict(*models))
    assert found.shape == (len(ids), 3, 10)
    for member, model in enumerate(models):
        expected = probabilities(model, pool, slice(0, 300))
        np.testing.assert_allclose(found[:, member], expected, rtol=1e-5)


def test_predictions_are_the_mean_of_all_votes(pool):
    models = [pool.learn(f"model{member}", DROPPING, member=member) for member in range(2)]
    asked = {"passes": 3, "dropout": True}
    _, every = votes(pool.predict(*models, **asked))
    assert every.shape == (300, 6, 10)
    mean = pool.predict(*models, out="mean", outputs={"predictions": ["candidates"]}, **asked)
    ids, found = votes(mean)
    assert ids.tolist() == list(CANDIDATES)
    assert found.shape == (300, 1, 10)
    np.testing.assert_allclose(found[:, 0], every.mean(axis=1), rtol=1e-12)


def test_passes_differ_by_dropout_alone(pool):
    model = pool.learn(learner=DROPPING)
    found = votes(pool.predict(model, passes=40, dropout=True))[1]
    assert found.shape == (300, 40, 10)
    assert found.std(axis=1).max(axis=1).min() > 0  # every image's passes differ
    again = votes(pool.predict(model, out="again", passes=40, dropout=True))[1]
    np.testing.assert_array_equal(found, again)
    plain = votes(pool.predict(model, out="plain"))[1][:, 0]
    np.testing.assert_allclose(plain, probabilities(model, pool, slice(0, 300), DROPPING))


@pytest.mark.parametrize("projection", [None, {"widths": [6]}], ids=["plain", "projected"])
def test_passes_from_one_pass_of_the_trunk_equal_whole_passes_bit_for_bit(pool, projection):
    recipe = Classifier.model_validate(SETTINGS | {"dropout": 0.5, "projection": projection})
    model = pool.learn(learner=recipe)
    found = votes(pool.predict(model, passes=7, dropout=True))[1]
    whole, size = network(model, recipe), recipe.batch_size
    with torch.inference_mode(), torch.random.fork_rng([]), dropping(whole):
        for start in range(0, 300, size):
            images = torch.from_numpy(pool.images[start : start + size])
            for number in range(7):
                # Member, place and pass decide what is dropped, after the run's seed and trial.
                key = np.random.SeedSequence((0, 0, 0, start, number))
                torch.manual_seed(int(key.generate_state(1, np.uint64)[0]))
                expected = torch.softmax(whole(images).double(), 1)
                assert np.array_equal(found[start : start + size, number], expected.numpy())


def test_passes_have_the_law_of_dropout(pool):
    """The logits' mean and deviation over passes are those of a layer whose inputs are dropped."""
    model = pool.learn(learner=DROPPING)
    passes = votes(pool.predict(model, passes=400, dropout=True))[1][:5]
    logits = np.log(passes) - np.log(passes)[:, :, :1]  # to the first class
    stored = network(model, DROPPING)
    with torch.no_grad():
        z = stored.encoder(torch.from_numpy(pool.images[:5])).double().numpy()
    linear = stored.online.get_submodule("logits")[1]
    W, b = (t.detach().double().numpy() for t in (linear.weight, linear.bias))
    W, b = W - W[:1], b - b[:1]
    mean, std = z @ W.T + b, np.sqrt((z**2) @ (W**2).T)  # dropping half doubles the rest
    np.testing.assert_allclose(logits.mean(axis=1), mean, atol=4 * std.max() / 20)
    np.testing.assert_allclose(logits.std(axis=1), std, rtol=0.15, atol=1e-6)


def test_batchnorm_stays_in_evaluation_mode_while_dropout_is_active(pool):
    model = network(pool.learn(learner=DROPPING), DROPPING)
    layers = {kind: [m for m in model.modules() if isinstance(m, kind)] for kind in KINDS}
    assert all(layers.values())
    with dropping(model):
        assert [m.training for m in layers[nn.BatchNorm2d]] == [False] * len(layers[nn.BatchNorm2d])
        assert all(m.training for m in layers[nn.Dropout])
    assert not any(module.training for module in model.modules())


def test_several_passes_without_dropout_are_refused():
    with pytest.raises(ValueError, match="3 passes, which are all the same"):
        Prediction(passes=3)
