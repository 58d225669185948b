"""SCAN and self-labelling: their losses, their starts, and the clusters that they find."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sklearn.neighbors import NearestNeighbors

from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.encoders import pretrain
from coldstart.ssl.health import cluster_health, cluster_sizes
from coldstart.ssl.models import build_model, load_model
from coldstart.training.images import Images
from coldstart.training.resume import fingerprint
from coldstart.training.trainer import Trainer
from tests.helpers.cases import CASES, inputs, settled, views
from tests.helpers.trainings import CPU, changed, start_of


class Given(torch.nn.Module):
    """A network whose output is its input."""

    def forward(self, logits):
        return logits.flatten(1)


def with_logits(name, **fields):
    """A model whose views are its logits [N, K, 1, 1]."""
    model = build_model(changed(CASES[name], **fields), inputs(), 1)
    model.online = Given()
    return model


def loss_and_gradients(model, given):
    given = [logits.detach().clone().requires_grad_() for logits in given]
    loss = model.loss_of_views([logits[..., None, None] for logits in given], 0.5)
    loss.backward()
    return loss, [logits.grad for logits in given]


def random_logits(count=7, clusters=5, scale=2.0):
    generator = torch.Generator().manual_seed(3)
    return [scale * torch.randn(count, clusters, generator=generator) for _ in range(2)]


# --- SCAN ---


def plain_scan(anchors, neighbours, weight):
    """Equation 2, image by image and cluster by cluster."""
    loss, mean = 0.0, 0.0
    for a, b in zip(anchors.double(), neighbours.double(), strict=True):
        p, q = a.exp() / a.exp().sum(), b.exp() / b.exp().sum()
        loss = loss - (p * q).sum().log() / len(anchors)
        mean = mean + p / len(anchors)
    return loss + weight * sum(share * share.log() for share in mean)


@pytest.mark.parametrize("weight", [0.0, 2.0, 5.0])
def test_loss_of_scan_is_equation_2(weight):
    model = with_logits("scan", entropy_weight=weight)
    given = random_logits()
    loss, found = loss_and_gradients(model, given)
    plain = [logits.double().requires_grad_() for logits in given]
    expected = plain_scan(*plain, weight)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for mine, theirs in zip(found, torch.autograd.grad(expected, plain), strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-4, atol=1e-7)


def test_loss_of_scan_is_finite_for_certain_predictions():
    model = with_logits("scan")
    certain = 1e4 * torch.eye(5)[[0, 0, 1]]
    for given in ([certain, certain], [certain, certain.roll(1, 1)]):
        loss, found = loss_and_gradients(model, given)
        assert loss.isfinite()
        assert all(gradient.isfinite().all() for gradient in found)


def test_loss_of_scan_is_least_if_neighbours_agree_and_all_clusters_are_used():
    model = with_logits("scan", entropy_weight=5.0)
    spread, one = 50 * torch.eye(5), 50 * torch.eye(5)[[2] * 5]
    undecided = torch.zeros(5, 5)

    def loss(anchors, neighbours):
        return loss_and_gradients(model, [anchors, neighbours])[0].item()

    assert loss(spread, spread) == pytest.approx(-5 * math.log(5), abs=1e-4)
    assert loss(one, one) == pytest.approx(0, abs=1e-4)
    assert loss(undecided, undecided) == pytest.approx(math.log(5) - 5 * math.log(5), abs=1e-4)
    assert loss(spread, spread.roll(1, 0)) > 10


# --- Self-labelling ---


def plain_self_label(weak, strong, threshold):
    """Weighted cross-entropy, weights inverse to how often a label occurs among the confident."""
    p = torch.softmax(weak.double(), 1)
    confident = p.max(1).values > threshold
    if not confident.any():
        return 0 * strong.double().sum()
    labels = p.argmax(1)[confident]
    weights = torch.zeros(p.shape[1], dtype=torch.float64)
    for label in labels.unique():
        weights[label] = 1 / (labels == label).sum()
    return torch.nn.functional.cross_entropy(strong.double()[confident], labels, weights)


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.8, 1.0])
def test_loss_of_self_labelling_is_the_balanced_cross_entropy_of_confident_images(threshold):
    given = random_logits(40)
    loss, (of_weak, found) = loss_and_gradients(
        with_logits("self-label", threshold=threshold), given
    )
    strong = given[1].double().requires_grad_()
    expected = plain_self_label(given[0], strong, threshold)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(found, torch.autograd.grad(expected, strong)[0].float())
    assert of_weak is None  # labels are given, not learnt
    assert (loss > 0) == (threshold < 1)


def test_loss_of_self_labelling_does_not_depend_on_the_size_of_clusters():
    model = with_logits("self-label", threshold=0.9)
    weak, strong = 20 * torch.eye(5)[[0, 1]], random_logits(2)[1]
    once = loss_and_gradients(model, [weak, strong])[0]
    rows = [0] * 9 + [1]
    often = loss_and_gradients(model, [weak[rows], strong[rows]])[0]
    torch.testing.assert_close(once, often)


@pytest.mark.parametrize(("threshold", "silent"), [(0.15, 0), (0.9, 2), (0.999, 5)])
def test_clusters_without_confident_images_are_reported_before_the_training(
    threshold, silent, caplog
):
    model = settled(CASES["scan"]).eval()
    # By their brightness images are surely of clusters 0, 1 and 2, and hardly of 3 and 4.
    logits = torch.tensor([[5.0, 0, 0, 0, 0], [0, 5, 0, 0, 0], [0, 0, 5, 0, 0]])
    hardly = torch.tensor([[0.0, 0, 0, 0.3, 0], [0, 0, 0, 0, 0.3]])
    table = torch.cat([logits, hardly])
    model.online = torch.nn.Module()
    model.online.forward = lambda images: table[images[:, 0, 0, 0].long()]
    images = np.arange(5, dtype=np.uint8).repeat(4)[:, None, None, None] * np.ones(
        (8, 8, 1), np.uint8
    )
    trained = build_model(changed(CASES["self-label"], threshold=threshold), inputs(), 1)
    trained.look_at(model, Images.of(images), CPU)
    told = f"none is surer than {threshold} of {silent} of the 5 clusters"
    assert (told in caplog.text) == (silent > 0) == bool(caplog.records)


def test_self_labels_are_counted_exactly_under_autocast():
    # 613 and 387 confident images: numbers that bf16 does not have.
    labels = torch.tensor([0] * 613 + [1] * 387)
    weak = 20.0 * torch.nn.functional.one_hot(labels, 5)[..., None, None]
    strong = random_logits(1000)[0][..., None, None]
    losses = []
    for low in (False, True):
        model = with_logits("self-label", threshold=0.9)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            losses.append(model.loss_of_views([weak, strong], 0.5))
    assert losses[0] == losses[1]


def test_evaluation_loss_of_self_labelling_has_no_threshold():
    model = settled(CASES["self-label"]).eval()
    weak, strong = views(6)
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(
            model.online(strong), model.online(weak).argmax(1), reduction="none"
        )
        model.threshold = 1.0
        torch.testing.assert_close(model.losses([weak, strong]), expected)


# --- Starts ---


@pytest.mark.parametrize("name", ["scan", "self-label"])
def test_training_starts_from_the_weights_of_its_start(digits, tmp_path, name):
    recipe = CASES[name]
    start = start_of(recipe, digits, tmp_path)
    begun = load_model(start.folder, start.recipe, (8, 8, 1), CPU)
    model = build_model(recipe, inputs(), seed=3)
    fresh = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    model.go_on_from(begun)
    for key, tensor in model.state_dict().items():
        taken = name == "self-label" or key.startswith("online.encoder")
        assert torch.equal(tensor, begun.state_dict()[key] if taken else fresh[key])
    # A step of next to nothing leaves them where they were.
    tiny = changed(recipe, epochs=1, batch_size=200, optimizer=Optimizer(name="sgd", lr=1e-30))
    pretrain(digits, tiny, 5, CPU, None, tmp_path / "out", start=start)
    weights = load_file(tmp_path / "out" / "model.safetensors")
    kept = [
        key for key in weights if "encoder" in key and "running" not in key and "num" not in key
    ]
    assert len(kept) > 5
    assert all(torch.equal(weights[key], begun.state_dict()[key]) for key in kept)


def test_neighbours_are_found_in_the_embeddings_of_the_start(digits, tmp_path, monkeypatch):
    given = []

    def watched(*arguments, **named):
        given.append(arguments[1]["unlabelled"].neighbours)
        return Trainer(*arguments, **named)

    monkeypatch.setattr("coldstart.ssl.encoders.Trainer", watched)
    recipe = changed(CASES["scan"], epochs=1)
    start = start_of(recipe, digits, tmp_path)
    pretrain(digits, recipe, 5, CPU, None, tmp_path / "out", start=start)
    begun = load_model(start.folder, start.recipe, (8, 8, 1), CPU)
    with torch.no_grad():
        embeddings = begun.encoder(torch.from_numpy(digits)).double().numpy()
    theirs = NearestNeighbors(n_neighbors=4, metric="cosine").fit(embeddings)
    assert given[0] is None  # of the start itself
    same = given[1].numpy() == theirs.kneighbors(return_distance=False)
    assert same.mean() > 0.98  # all but where two are as far, up to rounding


def test_fingerprint_of_a_state_depends_on_the_start(digits):
    images = Images.of(digits)
    names = {fingerprint(CASES["scan"], 1, images, start) for start in (b"", b"one", b"other")}
    assert len(names) == 3


# --- Clusters ---


def test_clusters_are_probabilities_of_the_trained_network():
    model = settled(CASES["scan"]).eval()
    images = torch.randint(256, (9, 8, 8, 1), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = model.clusters(images.to(torch.uint8))
        expected = torch.softmax(model.online(images.permute(0, 3, 1, 2) / 255), 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert found.shape == (9, 5)
    assert settled(CASES["byol"]).clusters is None


def test_health_of_clusters_equals_values_computed_by_hand():
    probabilities = np.full((10, 5), 0.075, dtype=np.float32)
    probabilities[np.arange(10), [0, 0, 0, 0, 0, 2, 2, 2, 2, 2]] = 0.7
    assert cluster_sizes(probabilities).tolist() == [5, 0, 5, 0, 0]
    found = cluster_health(probabilities)
    assert found == {
        "empty_clusters": 3,
        "size_entropy": pytest.approx(math.log(2)),
        "confidence": pytest.approx(0.7),
    }
    even = cluster_health(np.eye(4, dtype=np.float32))
    assert even["size_entropy"] == pytest.approx(math.log(4))
    assert cluster_health(np.eye(4, dtype=np.float32)[[1, 1]])["size_entropy"] == 0


def test_history_has_the_health_of_the_clusters_after_each_epoch(digits, tmp_path):
    recipe = changed(CASES["scan"], epochs=3)
    start = start_of(recipe, digits, tmp_path)
    pretrain(digits, recipe, 5, CPU, None, tmp_path / "out", start=start)
    history = pd.read_parquet(tmp_path / "out" / "history.parquet")
    model = load_model(tmp_path / "out", recipe, (8, 8, 1), CPU)
    assert len(digits) == 200
    every = np.arange(128) * 200 // 128  # the sample that is looked at
    with torch.no_grad():
        probabilities = model.clusters(torch.from_numpy(digits[every])).numpy()
    for column, value in cluster_health(probabilities).items():
        assert history[column].iloc[-1] == pytest.approx(value, rel=1e-4)
    assert history["confidence"].between(1 / 5, 1).all()


def test_scan_separates_dark_from_bright_images(tmp_path):
    rng = np.random.default_rng(0)
    bright = np.arange(160) % 2
    images = rng.integers(0, 120, (160, 8, 8, 1)) + 100 * bright[:, None, None, None]
    recipe = changed(CASES["scan"], clusters=2, entropy_weight=5.0, epochs=8)
    images = images.astype(np.uint8)
    start = start_of(recipe, images, tmp_path)
    pretrain(images, recipe, 2, CPU, None, tmp_path / "out", start=start)
    model = load_model(tmp_path / "out", recipe, (8, 8, 1), CPU)
    with torch.no_grad():
        found = model.clusters(torch.from_numpy(images)).argmax(1).numpy()
    assert np.array_equal(found, bright) or np.array_equal(found, 1 - bright)
