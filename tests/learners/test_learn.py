import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.learners.classifier import Classifier
from coldstart.learners.networks import build_network
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, Inputs, Seen
from coldstart.training.streams import Stream
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import PICKED, RECIPE, SETTINGS
from tests.helpers.stopping import stopped_at

CPU = torch.device("cpu")
INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.3), torch.full((1,), 0.3))
DROPPING = Classifier.model_validate(SETTINGS | {"dropout": 0.5})


def weights(model):
    return load_file(model.path("model.safetensors"))


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def known(model):
    return pd.read_parquet(model.path("known.parquet"))


def test_only_bought_labels_are_trained_on(pool):
    before = weights(pool.learn("before"))
    others = np.setdiff1d(np.arange(300), PICKED)
    changed = pool.labels.copy()
    changed[others] = (changed[others] + 1) % 10
    pool.know(changed)
    assert same(before, weights(pool.learn("after")))
    changed[PICKED[0]] = (changed[PICKED[0]] + 1) % 10
    pool.know(changed)
    assert not same(before, weights(pool.learn("other")))


def test_known_has_the_labels_that_were_bought_and_no_others(pool):
    table = known(pool.learn())
    assert table["id"].tolist() == sorted(PICKED)
    assert table["label"].tolist() == pool.labels[sorted(PICKED)].tolist()


def test_a_model_gives_no_metrics(pool):
    model = pool.learn()
    assert set(model.manifest["files"]) == {"model.safetensors", "history.parquet", "known.parquet"}
    assert pd.read_parquet(model.path("history.parquet"))["epoch"].tolist() == [1, 2, 3, 4, 5]


def test_trial_and_budget_say_which_labels_were_bought(pool):
    assert len(known(pool.learn("whole", trial=1, budget=12))) == 12
    assert len(known(pool.learn("few", budget=2))) == 2


def test_deterministic_sampler_has_one_selection_for_all_trials(pool):
    pool.pick({0: PICKED})
    assert known(pool.learn("third", trial=2))["id"].tolist() == sorted(PICKED)


def test_outlier_costs_a_label_and_is_not_trained_on(pool):
    labels = pd.array(pool.labels, dtype="Int64")
    labels[PICKED[1]] = pd.NA
    pool.know(labels)
    with_outlier = pool.learn("with")
    pool.know(pool.labels)
    pool.pick({0: [one for one in PICKED if one != PICKED[1]]})
    without = pool.learn("without", budget=len(PICKED) - 1)
    assert same(weights(with_outlier), weights(without))
    assert known(with_outlier)["label"].isna().sum() == 1


def test_fewer_than_two_labels_of_classes_are_too_few(pool):
    labels = pd.array(pool.labels, dtype="Int64")
    labels[PICKED[0]] = pd.NA
    pool.know(labels)
    with pytest.raises(ColdstartError, match="2 labels were bought, and 1 of them"):
        pool.learn(budget=2)


def test_each_trial_seed_and_member_has_weights_of_its_own(pool):
    pool.pick({0: PICKED})
    first = weights(pool.learn("first"))
    assert same(first, weights(pool.learn("again")))
    for other in ({"trial": 1}, {"encoder_seed": 1}, {"member": 1}, {"member": 2}):
        assert not same(first, weights(pool.learn("other", **other))), other


@pytest.mark.parametrize("recipe", [RECIPE, DROPPING], ids=["plain", "dropout"])
def test_a_training_that_was_stopped_ends_as_the_uninterrupted_one(pool, monkeypatch, recipe):
    whole = weights(pool.learn("whole", recipe))
    with stopped_at(7):
        pool.learn("parts", recipe)
    assert (pool.folder / "resume-parts/state.pt").exists()
    assert same(whole, weights(pool.learn("parts", recipe)))


def test_dropout_leaves_the_global_generator_alone(pool):
    before = torch.get_rng_state()
    pool.learn(learner=DROPPING)
    assert torch.equal(torch.get_rng_state(), before)


def test_state_of_other_labels_is_ignored(pool, monkeypatch, caplog):
    # Ends the job after its training, its state kept.
    monkeypatch.setattr("coldstart.learners.training.save_tensors", None)
    monkeypatch.setattr("coldstart.training.resume.SHARE", 1e9)
    with pytest.raises(TypeError):
        pool.learn()
    pool.know((pool.labels + 1) % 10)
    with pytest.raises(TypeError):
        pool.learn()
    assert "of another recipe, seed or images" in caplog.text


def test_a_warm_start_begins_with_the_model_of_the_cycle_before(pool):
    model = pool.learn("before")
    warm = Classifier.model_validate(SETTINGS | {"start": "cycle", "epochs": 1})
    still = warm.model_copy(
        update={
            "optimizer": warm.optimizer.model_copy(update={"lr": 1e-30, "schedule": "constant"})
        }
    )
    went_on = weights(pool.learn("after", still, start=model, trial=0))
    learnt = [name for name, tensor in weights(model).items() if "running" not in name]
    for name in (name for name in learnt if "num_batches" not in name):
        assert torch.equal(went_on[name], weights(model)[name]), name
    fresh = weights(pool.learn("fresh", still))
    assert not same(fresh, went_on)


def test_each_image_meets_its_own_label(pool):
    """Bright and dark images are easily told apart, unless labels stray from their images."""
    recipe = RECIPE.model_copy(update={"epochs": 15, "batch_size": 10})
    bright = pool.images.mean((1, 2, 3))
    chosen = np.argsort(bright)[np.r_[:60, -60:0]]
    labels = torch.arange(120) // 60
    model = build_network(recipe, INPUTS, 2, 0)
    stream = Stream(Images(pool.images, chosen), recipe.views, 10, labels)
    Trainer(model, {LABELLED: stream}, recipe, 0, CPU).run()
    with torch.no_grad():
        found = model.eval()(torch.from_numpy(pool.images[chosen])).argmax(1)
    assert (found == labels).float().mean() > 0.95


def test_streamed_images_meet_the_same_labels(pool):
    labels = torch.from_numpy(pool.labels[:50])
    ended = []
    for share in (0.0, 1.0):
        model = build_network(RECIPE, INPUTS, 10, 0)
        stream = Stream(Images.of(pool.images[:50]), RECIPE.views, RECIPE.batch_size, labels)
        Trainer(model, {LABELLED: stream}, RECIPE, 0, CPU, on_gpu=share).run()
        ended.append(model.state_dict())
    assert same(*ended)


def test_the_loss_of_a_classifier_is_the_cross_entropy(pool):
    model = build_network(RECIPE, INPUTS, 10, 0)
    images = torch.from_numpy(pool.images[:6]).permute(0, 3, 1, 2) / 255
    labels = torch.from_numpy(pool.labels[:6])
    loss = model.training_loss({LABELLED: Seen([images], labels)}, 0.5)
    chosen = functional.log_softmax(model(images), 1)[range(6), labels]
    torch.testing.assert_close(loss, -chosen.mean())
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_each_step_drops_by_a_seed_of_its_own(pool, monkeypatch):
    seeds = []
    plain = torch.manual_seed
    monkeypatch.setattr(torch, "manual_seed", lambda seed: seeds.append(seed) or plain(seed))
    pool.learn(learner=DROPPING)
    steps = DROPPING.epochs * (len(PICKED) // DROPPING.batch_size)
    assert len(seeds) == len(set(seeds)) == steps


def test_projection_stands_between_dropout_and_the_last_layer():
    recipe = Classifier.model_validate(
        SETTINGS | {"dropout": 0.5, "projection": {"widths": [12, 6], "batchnorm": False}}
    )
    model = build_network(recipe, INPUTS, 10, seed=0).eval()
    images = torch.rand(4, 1, 8, 8)
    hidden, last = model.online.logits[1], model.online.logits[-1]
    assert [tuple(layer.weight.shape) for layer in (hidden[0], hidden[2], last)] == [
        (12, recipe.dim),
        (6, 12),
        (10, 6),
    ]
    seen = model.penultimate(model.encoder(images))
    assert seen.shape == (4, 6)
    assert torch.equal(last(seen), model(images))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_without_projection_samplers_see_the_embeddings_of_the_backbone(dropout):
    recipe = Classifier.model_validate(SETTINGS | {"dropout": dropout})
    model = build_network(recipe, INPUTS, 10, seed=0).eval()
    embeddings = model.encoder(torch.rand(4, 1, 8, 8))
    assert torch.equal(model.penultimate(embeddings), embeddings)
