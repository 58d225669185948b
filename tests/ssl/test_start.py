"""Trainings that go on from the weights of another encoder, trained or pretrained."""

from dataclasses import replace

import pytest
import torch

from coldstart.config.checks.fits import misstart
from coldstart.config.recipes.encoders.pca import Pca
from coldstart.config.recipes.encoders.pretrained import Pretrained
from coldstart.ssl.encoders import pretrain
from coldstart.ssl.from_file import FromFileModel
from coldstart.ssl.models import build_model, load_model
from coldstart.training.backbones import Encoder
from tests.helpers.cases import CASES, inputs
from tests.helpers.trainings import CPU, changed, start_of

COLOURED = replace(inputs(), channels=3, mean=torch.zeros(3), std=torch.ones(3))


@pytest.mark.parametrize("name", ["byol", "simclr", "moco-v2", "moby", "dino", "rotation"])
def test_any_training_starts_from_the_weights_of_an_encoder(digits, tmp_path, name):
    recipe = changed(CASES[name], start="byol")
    start = start_of(recipe, digits, tmp_path)
    begun = load_model(start.folder, start.recipe, (8, 8, 1), CPU)
    model = build_model(recipe, inputs(), seed=3)
    model.go_on_from(begun)
    theirs = begun.encoder.state_dict()
    for key, tensor in model.encoder.state_dict().items():
        assert torch.equal(tensor, theirs[key])
    target = getattr(model, "target", None)
    if target is not None:
        online = model.online.state_dict()
        assert all(torch.equal(tensor, online[key]) for key, tensor in target.state_dict().items())
    pretrain(digits, changed(recipe, epochs=1), 5, CPU, None, tmp_path / "out", start=start)


def test_training_starts_from_pretrained_weights(tmp_path):
    backbone = changed(CASES["byol"]).backbone
    whole = Encoder(backbone, COLOURED)
    pretrained = Pretrained(
        method="pretrained",
        backbone=backbone,
        weights="w.pt",
        size=8,
        mean=[0.4] * 3,
        std=[0.2] * 3,
    )
    begun = FromFileModel(pretrained)
    recipe = changed(CASES["byol"], start="pretrained")
    model = build_model(recipe, COLOURED, seed=0)
    model.go_on_from(begun)
    assert whole.state_dict().keys() == begun.encoder.state_dict().keys()
    assert torch.equal(model.encoder.normalize.mean, torch.full((1, 3, 1, 1), 0.4))
    images = torch.randint(0, 256, (4, 8, 8, 3), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(model.eval().encoder(images), begun.eval().encoder(images))


def test_start_without_this_backbone_is_refused():
    recipe = changed(CASES["byol"], start="other")
    pretrained = Pretrained(method="pretrained", backbone=recipe.backbone, weights="w.pt", size=8)
    other = recipe.backbone.model_copy(update={"widths": [8, 20]})
    assert misstart(recipe, pretrained, (8, 8, 3)) is None
    assert "for images of 3 channels, and these have 1" in misstart(recipe, pretrained, (8, 8, 1))
    renamed = pretrained.model_copy(update={"backbone": other})
    assert "has another backbone" in misstart(recipe, renamed, (8, 8, 3))
    assert "no network to train on" in misstart(recipe, Pca(method="pca", components=3), (8, 8, 3))
