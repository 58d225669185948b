"""EfficientNet-Lite0 with its published weights, against the network that they are of."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from coldstart.config.load import load
from coldstart.planning.plan import Plan
from coldstart.running.settings import Settings
from coldstart.ssl.from_file import load_file
from coldstart.ssl.weights import find
from coldstart.store import Store

WORKFLOW = Path(__file__).parents[2] / "workflow"
NAME = "efficientnet-lite0"


@pytest.fixture(scope="module")
def recipe():
    return load({"scale": "paper"}, [], WORKFLOW).recipes.get("encoders", NAME)


@pytest.fixture(scope="module")
def theirs(recipe):
    package = pytest.importorskip("efficientnet_lite_pytorch")
    network = package.EfficientNet.from_name(NAME).eval()
    network.load_state_dict(torch.load(find(recipe.weights, Settings()), weights_only=True))
    return network


def embedded(recipe, images):
    model, history = load_file(recipe, find(recipe.weights, Settings()))
    with torch.no_grad():
        return model.eval().encoder(torch.from_numpy(images)), history


@pytest.mark.parametrize("side", [224, 96])
def test_embeddings_equal_those_of_the_published_network(recipe, theirs, side):
    images = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    ours, history = embedded(recipe.model_copy(update={"size": side}), images)
    pixels = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        expected = theirs.extract_features(pixels).mean((2, 3))
    assert ours.shape == (3, 1280)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)
    assert set(history.loc[~history["used"], "tensor"]) == {"_fc.weight", "_fc.bias"}


def test_images_are_enlarged_as_pillow_does(recipe):
    """Pillow rounds to whole levels between the two directions, so that it is near and no more."""
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(image[0]).resize((96, 96), Image.Resampling.BICUBIC))
    small = recipe.model_copy(update={"size": 96})
    ours, theirs = (embedded(small, pixels)[0] for pixels in (image, large[None]))
    assert torch.nn.functional.cosine_similarity(ours, theirs).item() > 0.999


def test_checkpoint_is_the_same_for_all_pools_and_seeds(tmp_path):
    plan = Plan(load({"scale": "smoke"}, [], WORKFLOW), Store(tmp_path))
    keys = {
        plan.encoders.checkpoint(pool, NAME, seed).key
        for pool, seed in [("digits", 0), ("digits", 1), ("biased-digits", 0)]
    }
    assert len(keys) == 1
    assert "data_dir" not in json.dumps(plan.encoders.checkpoint("digits", NAME, 0).params())
