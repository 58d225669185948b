import math

import numpy as np
import pytest
import torch

from coldstart.config.encoders import Backbone
from coldstart.ssl.backbones import Encoder, Shortcut, build_backbone
from coldstart.vision import torchvision

RESNET18 = Backbone(stem="imagenet", widths=[64, 128, 256, 512], blocks=[2, 2, 2, 2])


@pytest.fixture(scope="module")
def resnet18():
    model = torchvision.models.resnet18()
    model.fc = torch.nn.Identity()
    return model


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_resnet18_is_torchvisions(resnet18, mode):
    ours = build_backbone(RESNET18, channels=3)
    shapes = {name: t.shape for name, t in ours.state_dict().items()}
    assert shapes == {name: t.shape for name, t in resnet18.state_dict().items()}
    assert list(shapes) == list(resnet18.state_dict())
    ours.load_state_dict(resnet18.state_dict())
    images = torch.rand(4, 3, 40, 32)
    getattr(ours, mode)()
    getattr(resnet18, mode)()
    torch.testing.assert_close(ours(images), resnet18(images), rtol=1e-4, atol=1e-5)


def test_fresh_weights_are_distributed_as_torchvisions(resnet18):
    ours = dict(build_backbone(RESNET18, channels=3).named_parameters())
    for name, theirs in resnet18.named_parameters():
        if theirs.ndim == 4:
            fan_out = theirs.shape[0] * theirs.shape[2] * theirs.shape[3]
            assert ours[name].std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)
            assert ours[name].std().item() == pytest.approx(theirs.std().item(), rel=0.05)
        else:
            assert torch.equal(ours[name], theirs)


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 8), ("cifar", 32), ("half", 16)])
def test_stem_decides_the_size_of_the_first_stage(stem, side):
    backbone = build_backbone(Backbone(stem=stem, widths=[4, 6], blocks=[1, 2]), channels=1)
    seen = {}
    backbone.layer1.register_forward_hook(lambda m, i, out: seen.update(first=out.shape))
    backbone.layer2.register_forward_hook(lambda m, i, out: seen.update(second=out.shape))
    out = backbone(torch.rand(2, 1, 32, 32))
    assert seen == {"first": (2, 4, side, side), "second": (2, 6, side // 2, side // 2)}
    assert out.shape == (2, 6)
    assert backbone.dim == 6
    assert len(backbone.layer2) == 2


@pytest.mark.parametrize("channels", [1, 3, 4, 12])
def test_shortcut_is_a_strided_convolution(channels):
    shortcut = Shortcut(channels, 8, 1, stride=2, bias=False)
    shortcut.to(memory_format=torch.channels_last)
    images = torch.rand(16, channels, 9, 8).to(memory_format=torch.channels_last)
    weight = shortcut.weight.detach().double().contiguous().requires_grad_()
    for _ in range(3):
        ours, inputs = shortcut(images.requires_grad_()), images.double().contiguous()
        theirs = torch.nn.functional.conv2d(inputs, weight, stride=2)
        torch.testing.assert_close(ours.double(), theirs)
        grads = torch.autograd.grad(ours.square().sum(), [images, shortcut.weight])
        expected = torch.autograd.grad(theirs.square().sum(), [images, weight])
        for grad, other in zip(grads, expected, strict=True):
            torch.testing.assert_close(grad, other.to(grad), rtol=1e-4, atol=1e-4)


def test_encoder_takes_stored_images_and_views_alike():
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.1, 0.2, 0.3])
    encoder = Encoder(Backbone(stem="half", widths=[4], blocks=[1]), 3, mean, std).eval()
    stored = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
    views = torch.from_numpy(stored.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    normal = (views.numpy() - mean.numpy()[:, None, None]) / std.numpy()[:, None, None]
    expected = encoder.backbone(torch.from_numpy(normal))
    torch.testing.assert_close(encoder(views), expected)
    torch.testing.assert_close(encoder(torch.from_numpy(stored)), expected)
    assert encoder(torch.from_numpy(stored)).dtype == torch.float32
