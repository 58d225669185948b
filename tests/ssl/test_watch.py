import math

import numpy as np
import pytest
import torch
from torch import nn

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders import Head
from coldstart.config.recipes.optimizers import Optimizer
from coldstart.ssl.encoders import pretrain
from coldstart.ssl.models import build_model
from coldstart.training.images import Images, channel_statistics
from coldstart.training.model import Inputs
from coldstart.training.streams import unlabelled
from coldstart.training.trainer import Trainer
from coldstart.training.watch import SETTLED, Look, Spread, look, sample, spread
from tests.helpers.cases import CASES
from tests.helpers.trainings import CPU, RECIPE, changed, result, start_of


def seeded(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_spread_of_identical_embeddings_is_zero():
    found = spread(seeded(1, 5).expand(20, 5))
    assert found.std == pytest.approx(0, abs=1e-12)
    assert found.rank == pytest.approx(1)
    assert found.is_flat
    assert spread(torch.zeros(20, 5)).is_flat


def test_spread_of_uniform_embeddings_is_largest():
    found = spread(seeded(4000, 16))
    assert found.std == pytest.approx(1 / math.sqrt(16), rel=0.01)
    assert found.rank == pytest.approx(16, rel=0.01)
    assert not found.is_flat


def test_effective_rank_does_not_depend_on_the_scale():
    values = torch.tensor([3.0, 2.0, 1.0], dtype=torch.float64)
    left, right = (torch.linalg.qr(seeded(7, 3)).Q for _ in range(2))
    shares = values / 6
    expected = math.exp(-float((shares * shares.log()).sum()))
    for scale in (1e-6, 1.0):
        assert spread(scale * left @ values.diag() @ right.T).rank == pytest.approx(expected)


def test_standard_deviation_is_that_of_unit_vectors():
    directions = seeded(50, 4)
    lengths = torch.linspace(0.1, 9, 50).unsqueeze(1)
    assert spread(lengths * directions).std == pytest.approx(spread(directions).std)
    units = (directions / directions.norm(dim=1, keepdim=True)).numpy()
    assert spread(directions).std == pytest.approx(units.std(0).mean())


def test_embeddings_that_are_not_finite_are_noticed():
    embeddings = seeded(4, 3)
    embeddings[2, 1] = math.inf
    assert not spread(embeddings).is_finite
    assert not spread(embeddings).is_flat
    assert spread(seeded(4, 3)).is_finite


@pytest.mark.parametrize(("images", "expected"), [(4000, 512), (1000, 250), (300, 128), (7, 7)])
def test_sample_is_spread_over_all_images(images, expected):
    array = np.arange(5000).reshape(-1, 1, 1, 1)
    found = sample(Images(array, np.arange(1000, 1000 + images))).flatten()
    assert len(found) == len(found.unique()) == expected
    assert found[0] == 1000
    assert 1000 + images - images / expected - 1 < found[-1] < 1000 + images


def test_watching_does_not_change_the_training(digits):
    model = build_model(RECIPE, Inputs(8, 8, 1, *channel_statistics(digits)), 1).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    seen = look(model, torch.from_numpy(digits), CPU)
    found, projections = seen.embeddings, seen.projections
    assert all(module.training for module in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    model.eval()
    with torch.no_grad():
        embeddings = model.encoder(torch.from_numpy(digits))
        projected = spread(model.online.projector(embeddings))
    whole = spread(embeddings)
    assert found.std == pytest.approx(whole.std)
    assert found.rank == pytest.approx(whole.rank)
    assert projections.std == pytest.approx(projected.std)
    assert projections.std != pytest.approx(found.std)


@pytest.mark.parametrize("name", CASES)
def test_healthy_training_is_not_stopped(name, digits, tmp_path):
    recipe = changed(CASES[name], epochs=8, batch_size=25)
    start = start_of(recipe, digits, tmp_path / "start")
    pretrain(digits, recipe, 0, CPU, None, tmp_path, start=start)
    history = result(tmp_path)[1].iloc[SETTLED // 8 :]
    relative = history["embedding_std"] * math.sqrt(CASES[name].dim)
    assert relative.between(0.1, 1.0).all()
    projected = history["projection_std"].dropna()
    assert len(projected) == (len(history) if hasattr(CASES[name], "projector") else 0)
    if len(projected):
        head = CASES[name].projector  # without one, projections are the embeddings
        width = head.widths[-1] if head else CASES[name].dim
        assert (projected * math.sqrt(width) > 0.1).all()
    assert history["effective_rank"].between(1.2, CASES[name].dim).all()


def test_collapse_ends_the_training_with_a_remedy(digits):
    """BYOL without its predictor, its target the online network itself: one embedding is best.

    An epoch of 200 images in batches of 32 has six steps, so nine epochs have ``SETTLED`` of them.
    """
    head = Head(widths=[16, 8], batchnorm=False)
    recipe = changed(
        projector=head,
        predictor=head,
        target_decay=0.0,
        epochs=20,
        optimizer=Optimizer(name="adamw", lr=0.01),
    )
    model = build_model(recipe, Inputs(8, 8, 1, *channel_statistics(digits)), 1)
    model.online.predictor = nn.Identity()
    trainer = Trainer(model, unlabelled(Images.of(digits), recipe), recipe, 1, CPU)
    with pytest.raises(ColdstartError, match=r"byol: for 9 epochs, .*collapsed.*optimizer\.lr"):
        trainer.run()


def test_collapse_is_relative_to_random_directions():
    assert Spread(std=0.029, rank=1.5, dim=1).is_flat
    assert not Spread(std=0.031, rank=1.5, dim=1).is_flat
    assert Spread(std=0.0029, rank=1.5, dim=100).is_flat
    assert not Spread(std=0.0031, rank=1.5, dim=100).is_flat


@pytest.mark.parametrize(("shares", "collapsed"), [([1.0], True), ([0.97, 0.03], False)])
def test_all_images_in_one_cluster_are_a_collapse(digits, monkeypatch, shares, collapsed):
    monkeypatch.setattr("coldstart.training.trainer.SETTLED", 4)
    entropy = -sum(share * math.log(share) for share in shares)
    seen = Look(Spread(0.5, 3.0, 5), None, {"size_entropy": entropy})
    monkeypatch.setattr("coldstart.training.trainer.look", lambda *_: seen)
    recipe = changed(CASES["self-label"], epochs=4, batch_size=100)
    model = build_model(recipe, Inputs(8, 8, 1, *channel_statistics(digits)), 1)
    trainer = Trainer(model, unlabelled(Images.of(digits), recipe), recipe, 1, CPU)
    if collapsed:
        with pytest.raises(ColdstartError, match=r"had the same cluster .*collapsed.*threshold"):
            trainer.run()
    else:
        assert trainer.run()["size_entropy"].tolist() == [pytest.approx(entropy)] * 4


def test_training_may_recover_from_flat_embeddings(digits, monkeypatch):
    """Two flat epochs are no collapse, nor are the first ones; three in a row are."""
    monkeypatch.setattr("coldstart.training.trainer.SETTLED", 4)
    spreads = iter([0.01, 0.01, 0.01, 0.5, 0.01, 0.01, 0.01])
    monkeypatch.setattr(
        "coldstart.training.trainer.look", lambda *_: Look(Spread(next(spreads), 1.5, 1), None, {})
    )
    recipe = changed(epochs=10, batch_size=100)
    model = build_model(recipe, Inputs(8, 8, 1, *channel_statistics(digits)), 1)
    trainer = Trainer(model, unlabelled(Images.of(digits), recipe), recipe, 1, CPU)
    with pytest.raises(ColdstartError, match=r"up to epoch 7, .*same embedding"):
        trainer.run()


def test_embeddings_that_are_not_finite_end_the_training(digits, monkeypatch):
    monkeypatch.setattr(
        "coldstart.training.trainer.look",
        lambda *_: Look(Spread(0.5, 1.5, 1), spread(seeded(3, 2) / 0), {}),
    )
    recipe = changed(epochs=1, batch_size=100)
    model = build_model(recipe, Inputs(8, 8, 1, *channel_statistics(digits)), 1)
    with pytest.raises(ColdstartError, match=r"embeddings stopped being finite"):
        Trainer(model, unlabelled(Images.of(digits), recipe), recipe, 1, CPU).run()
