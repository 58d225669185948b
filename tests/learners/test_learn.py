import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score, top_k_accuracy_score
from torch.nn import functional

from coldstart.errors import ColdstartError
from coldstart.learners import learn
from coldstart.learners.classifier import build, load
from coldstart.training import trainer
from coldstart.training.images import Images
from coldstart.training.model import Inputs
from coldstart.training.trainer import Trainer
from tests.helpers.small_pool import PICKED, RECIPE

CPU = torch.device("cpu")
INPUTS = Inputs(8, 8, 1, torch.full((1,), 0.3), torch.full((1,), 0.3))


def weights(pool, out="out"):
    return load_file(pool.folder / out / "model.safetensors")


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def metrics(pool, out="out"):
    table = pd.read_parquet(pool.folder / out / "metrics.parquet")
    return table.set_index(["metric", "label"])["value"]


def test_metrics_are_scikit_learns_of_the_stored_classifier(pool):
    learn.make(pool.learner())
    model = load(pool.folder / "out/model.safetensors", RECIPE, (8, 8, 1), 10, CPU)
    with torch.no_grad():
        logits = model(torch.from_numpy(pool.images[300:])).double()
    scores, truth = torch.softmax(logits, 1).numpy(), pool.labels[300:]
    found = metrics(pool)
    for k in (1, 2, 3):
        expected = top_k_accuracy_score(truth, scores, k=k, labels=range(10))
        assert found[f"top-{k}", pd.NA] == pytest.approx(expected)
    for label in range(10):
        expected = average_precision_score(truth == label, scores[:, label])
        assert found["average-precision", label] == pytest.approx(expected)
    picked = np.bincount(pool.labels[PICKED], minlength=10)
    assert found["picked"].tolist() == picked.tolist()
    assert found["outliers", pd.NA] == 0


def test_only_the_labels_that_were_bought_are_learnt_from(pool):
    learn.make(pool.learner("before"))
    others = np.setdiff1d(np.arange(300), PICKED)
    changed = pool.labels.copy()
    changed[others] = (changed[others] + 1) % 10
    pool.know(changed)
    learn.make(pool.learner("after"))
    assert same(weights(pool, "before"), weights(pool, "after"))
    changed[PICKED[0]] = (changed[PICKED[0]] + 1) % 10
    pool.know(changed)
    learn.make(pool.learner("other"))
    assert not same(weights(pool, "before"), weights(pool, "other"))


def test_draw_and_budget_say_which_labels_were_bought(pool):
    learn.make(pool.learner("whole", labels=12, draw=1))
    learn.make(pool.learner("few", labels=2))
    assert metrics(pool, "whole")["picked"].sum() == 12
    assert metrics(pool, "few")["picked"].sum() == 2


def test_an_outlier_costs_a_label_and_teaches_nothing(pool):
    known = pd.array(pool.labels, dtype="Int64")
    known[[PICKED[1], 350]] = pd.NA  # a candidate and a test image
    pool.know(known)
    learn.make(pool.learner("with"))
    pool.know(pool.labels)
    pool.pick({0: [one for one in PICKED if one != PICKED[1]]})
    learn.make(pool.learner("without", labels=len(PICKED) - 1))
    assert same(weights(pool, "with"), weights(pool, "without"))
    assert metrics(pool, "with")["outliers", pd.NA] == 1


def test_a_class_without_a_test_image_does_not_count(pool):
    known = pd.array(pool.labels, dtype="Int64")
    known[300:] = pd.array(np.where(pool.labels[300:] == 3, 4, pool.labels[300:]))
    pool.know(known)
    learn.make(pool.learner())
    found = metrics(pool)
    assert found["average-precision"].index.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert len(found["picked"]) == 10


def test_test_images_of_which_none_has_a_class_are_refused(pool):
    known = pd.array(pool.labels, dtype="Int64")
    known[300:] = pd.NA
    pool.know(known)
    with pytest.raises(ColdstartError, match="none of the 100 test images belongs to a class"):
        learn.make(pool.learner())


def test_fewer_than_two_labels_of_classes_are_too_few(pool):
    known = pd.array(pool.labels, dtype="Int64")
    known[PICKED[0]] = pd.NA
    pool.know(known)
    with pytest.raises(ColdstartError, match="2 labels were bought, and 1 of them"):
        learn.make(pool.learner(labels=2))


def test_each_trial_and_each_encoder_seed_has_weights_of_its_own(pool):
    for out, seeds in {"a": (0, 0), "b": (0, 1), "c": (1, 0), "again": (0, 0)}.items():
        learn.make(pool.learner(out, encoder_seed=seeds[0], trial=seeds[1]))
    assert same(weights(pool, "a"), weights(pool, "again"))
    assert not same(weights(pool, "a"), weights(pool, "b"))
    assert not same(weights(pool, "a"), weights(pool, "c"))
    assert not same(weights(pool, "b"), weights(pool, "c"))


def test_stopped_and_resumed_it_ends_as_if_it_had_not_been(pool, monkeypatch):
    learn.make(pool.learner("whole"))
    plain, count = trainer.Trainer._train_step, iter(range(1, 100))

    def step(self, batches):
        if next(count) == 7:
            os.kill(os.getpid(), signal.SIGTERM)
        plain(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "_train_step", step)
        with pytest.raises(SystemExit):
            learn.make(pool.learner("parts"))
    assert (pool.folder / "resume-parts/state.pt").exists()
    learn.make(pool.learner("parts"))
    assert same(weights(pool, "whole"), weights(pool, "parts"))


def test_a_state_of_other_labels_is_not_gone_on_from(pool, monkeypatch, caplog):
    monkeypatch.setattr(learn, "merits", None)  # ends it after its training, its state kept
    monkeypatch.setattr("coldstart.training.resume.SHARE", 1e9)
    with pytest.raises(TypeError):
        learn.make(pool.learner())
    pool.know((pool.labels + 1) % 10)
    with pytest.raises(TypeError):
        learn.make(pool.learner())
    assert "of another recipe, seed or images" in caplog.text


def test_each_image_meets_its_own_label(pool):
    """Brightness is learnt easily, unless labels are mixed up between images."""
    recipe = RECIPE.model_copy(update={"epochs": 15, "batch_size": 10})
    bright = pool.images.mean((1, 2, 3))
    chosen = np.argsort(bright)[np.r_[:60, -60:0]]
    labels = torch.arange(120) // 60
    model = build(recipe, INPUTS, 2, 0)
    Trainer(model, Images(pool.images, chosen), recipe, 0, CPU, labels=labels).run()
    found = learn.predict(model, pool.images[chosen], 16, CPU).argmax(1)
    assert (found == labels.numpy()).mean() > 0.95


def test_streamed_images_meet_the_same_labels(pool):
    labels = torch.from_numpy(pool.labels[:50])
    ended = []
    for share in (0.0, 1.0):
        model = build(RECIPE, INPUTS, 10, 0)
        Trainer(
            model, Images.of(pool.images[:50]), RECIPE, 0, CPU, on_gpu=share, labels=labels
        ).run()
        ended.append(model.state_dict())
    assert same(*ended)


def test_the_loss_is_the_cross_entropy(pool):
    model = build(RECIPE, INPUTS, 10, 0)
    images = torch.from_numpy(pool.images[:6]).permute(0, 3, 1, 2) / 255
    labels = torch.from_numpy(pool.labels[:6])
    loss = model.supervised_loss([images], labels, 0.5)
    chosen = functional.log_softmax(model(images), 1)[range(6), labels]
    torch.testing.assert_close(loss, -chosen.mean())
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
