import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.scores import Embedding
from coldstart.embeddings.embed import embed
from coldstart.training.backbones import unit_images

CPU = torch.device("cpu")


class Small(nn.Module):
    """A convolution that sees left and right, BatchNorm, and the mean over all pixels."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)
            self.norm.running_mean.uniform_(-0.1, 0.1)
            self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, images):
        return functional.relu(self.norm(self.convolution(unit_images(images)))).mean((2, 3))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), dtype=np.uint8)


def test_embeddings_do_not_depend_on_the_batch_size(images):
    whole, parts = (embed(Small(), images, Embedding(batch_size=n), CPU) for n in (10, 3))
    with torch.no_grad():
        expected = Small().eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_mirrored_embedding_is_the_mean_of_an_image_and_its_mirror_image(images):
    plain = Embedding()
    mirrored = np.ascontiguousarray(images[:, :, ::-1])
    one, other = (embed(Small(), some, plain, CPU) for some in (images, mirrored))
    assert not np.allclose(one, other, rtol=1e-3)
    both = embed(Small(), images, Embedding(mirrored=True), CPU)
    np.testing.assert_allclose(both, (one + other) / 2, rtol=1e-5)
    np.testing.assert_array_equal(both, embed(Small(), mirrored, Embedding(mirrored=True), CPU))


def test_training_mode_normalises_each_batch_by_itself(images):
    network = Small()
    before = network.norm.running_mean.clone()
    found = embed(network, images, Embedding(bn_mode="train", batch_size=5), CPU)
    for rows in (slice(5), slice(5, 10)):
        fresh = Small().train()
        with torch.no_grad():
            expected = fresh(torch.from_numpy(images[rows])).numpy()
        np.testing.assert_allclose(found[rows], expected, rtol=1e-5)
    assert torch.equal(network.norm.running_mean, before)
    assert network.norm.momentum == 0.1
    assert not network.norm.training


def test_embeddings_that_are_not_finite_are_an_error(images):
    network = Small()
    network.norm.weight.data[0] = torch.nan
    with pytest.raises(ColdstartError, match="non-finite"):
        embed(network, images, Embedding(), CPU)
