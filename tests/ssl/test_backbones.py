import math
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from coldstart.common.vision import torchvision
from coldstart.config.recipes.backbones.convs import Convs
from coldstart.config.recipes.backbones.efficientnet_lite import EfficientNetLite
from coldstart.config.recipes.backbones.lenet import LeNet
from coldstart.config.recipes.backbones.resnet import ResNet
from coldstart.config.recipes.backbones.vgg import Vgg
from coldstart.config.recipes.backbones.wide_resnet import WideResNet
from coldstart.training.backbones import Encoder, build_backbone
from coldstart.training.backbones.pooling import MaxPool2x2
from coldstart.training.backbones.shortcut import Shortcut
from coldstart.training.model import Inputs

STAGES = [64, 128, 256, 512]
RESNET18 = ResNet(family="resnet", stem="imagenet", widths=STAGES, blocks=[2, 2, 2, 2])
RESNET50 = ResNet(
    family="resnet",
    stem="imagenet",
    block="bottleneck",
    widths=[4 * width for width in STAGES],
    blocks=[3, 4, 6, 3],
)
VGG16 = Vgg(family="vgg", widths=[*STAGES, 512], convolutions=[2, 2, 3, 3, 3])

SMALL = {
    "basic": ResNet(family="resnet", stem="cifar-pool", widths=[8, 12], blocks=[2, 1]),
    "bottleneck": ResNet(
        family="resnet", stem="imagenet", block="bottleneck", widths=[8, 12], blocks=[1, 2]
    ),
    "narrow": ResNet(
        family="resnet", stem="cifar", block="bottleneck", widths=[16, 16], blocks=[1, 1]
    ),
    "vgg": Vgg(family="vgg", widths=[6, 8], convolutions=[1, 2]),
    "wide": WideResNet(family="wide-resnet", depth=16, width=1),
    "wider": WideResNet(family="wide-resnet", depth=10, width=2),
    "lenet": LeNet(family="lenet", latent=60),
    "convs": Convs(family="convs", widths=[6, 8, 10], latent=5),
    "efficientnet-lite": EfficientNetLite(
        family="efficientnet-lite",
        stem=4,
        widths=[4, 6, 6],
        blocks=[1, 2, 1],
        kernels=[3, 5, 3],
        strides=[1, 2, 1],
        expansions=[1, 2, 3],
        head=10,
    ),
}


def without_classifier(name):
    """Torchvision's network, as far as the mean over positions."""
    models = torchvision.models
    if name == "vgg16_bn":  # whose classifier of 124 million weights would take its time
        features = models.vgg.make_layers(models.vgg.cfgs["D"], batch_norm=True)
        parts = {"features": features, "avgpool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
        return nn.Sequential(OrderedDict(parts))
    theirs = getattr(models, name)()
    theirs.fc = nn.Identity()
    return theirs


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    ("name", "recipe"), [("resnet18", RESNET18), ("resnet50", RESNET50), ("vgg16_bn", VGG16)]
)
def test_backbone_equals_torchvision(name, recipe, mode):
    torch.manual_seed(0)
    theirs, ours = without_classifier(name), build_backbone(recipe, 40, 33, 3)
    shapes = {name: t.shape for name, t in ours.state_dict().items()}
    assert shapes == {name: t.shape for name, t in theirs.state_dict().items()}
    assert list(shapes) == list(theirs.state_dict())
    with torch.no_grad():  # BatchNorm of its own in each layer
        for tensor in theirs.state_dict().values():
            if tensor.ndim == 1:
                tensor += 0.1 * torch.rand(tensor.shape)
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(3, 3, 40, 33, dtype=torch.float64)
    for network in (ours, theirs):
        getattr(network.double(), mode)()
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-9, atol=1e-12)


def test_initial_weights_are_distributed_like_torchvisions():
    ours = dict(build_backbone(RESNET18, 32, 32, 3).named_parameters())
    for name, theirs in without_classifier("resnet18").named_parameters():
        if theirs.ndim == 4:
            fan_out = theirs.shape[0] * theirs.shape[2] * theirs.shape[3]
            assert ours[name].std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)
            assert ours[name].std().item() == pytest.approx(theirs.std().item(), rel=0.05)
        else:
            assert torch.equal(ours[name], theirs)
    for layer in build_backbone(VGG16, 32, 32, 3).features:
        if isinstance(layer, nn.Conv2d):  # as torchvision's class does it too
            fan_out = layer.out_channels * 9
            assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)
            assert not layer.bias.any()


@pytest.mark.parametrize(
    ("stem", "side"), [("imagenet", 8), ("cifar", 32), ("cifar-pool", 16), ("half", 16)]
)
def test_stem_decides_the_size_of_the_first_stage(stem, side):
    recipe = ResNet(family="resnet", stem=stem, widths=[4, 6], blocks=[1, 2])
    backbone = build_backbone(recipe, 32, 32, 1)
    seen = {}
    backbone.layer1.register_forward_hook(lambda m, i, out: seen.update(first=out.shape))
    backbone.layer2.register_forward_hook(lambda m, i, out: seen.update(second=out.shape))
    out = backbone(torch.rand(2, 1, 32, 32))
    assert seen == {"first": (2, 4, side, side), "second": (2, 6, side // 2, side // 2)}
    assert out.shape == (2, 6)
    assert len(backbone.layer2) == 2


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_network_takes_the_smallest_images_that_its_recipe_names(name):
    recipe = SMALL[name]
    side = recipe.smallest
    network = build_backbone(recipe, side, side, 1).eval()
    assert network(torch.rand(2, 1, side, side)).shape == (2, recipe.dim)
    if side > 1:
        side -= 1
        with pytest.raises(RuntimeError):
            build_backbone(recipe, side, side, 1).eval()(torch.rand(2, 1, side, side))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("shape", "count"), [((224, 224, 3), 1), ((12, 12, 1), 3)])
def test_embeddings_have_the_recipes_size(name, shape, count):
    recipe, (height, width, channels) = SMALL[name], shape
    network = build_backbone(recipe, *shape)
    out = network(torch.rand(max(count, 2), channels, height, width))
    assert out.shape == (max(count, 2), recipe.dim)
    assert out.isfinite().all()
    assert (out[0] - out[1]).abs().max() > 0
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("depth", "width", "millions"), [(28, 10, 36.5), (28, 2, 1.5), (16, 4, 2.8), (40, 4, 8.9)]
)
def test_wide_resnets_have_the_published_numbers_of_parameters(depth, width, millions):
    # Zagoruyko & Komodakis 2016, tables 2 and 4 (16-4 and 28-2: their code), with ten classes.
    with torch.device("meta"):
        network = build_backbone(
            WideResNet(family="wide-resnet", depth=depth, width=width), 32, 32, 3
        )
    count = sum(parameter.numel() for parameter in network.parameters()) + 10 * (64 * width + 1)
    assert count / 1e6 == pytest.approx(millions, abs=0.055)


def plain_wide_resnet(t, images):
    """WRN-10-2 as its paper writes it: x + conv(relu(bn(conv(relu(bn(x)))))."""

    def active(x, name):
        mean, var, scale, shift = (
            t[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, scale, shift).relu()

    x = functional.conv2d(images, t["conv1.weight"], padding=1)
    for stage, stride in enumerate((1, 2, 2)):
        name = f"stages.{stage}.0"
        a = active(x, f"{name}.bn1")
        shortcut = functional.conv2d(a, t[f"{name}.shortcut.weight"], stride=stride)
        b = functional.conv2d(a, t[f"{name}.conv1.weight"], stride=stride, padding=1)
        b = active(b, f"{name}.bn2")
        x = shortcut + functional.conv2d(b, t[f"{name}.conv2.weight"], padding=1)
    return active(x, "bn").mean((2, 3))


def test_wide_resnet_has_the_layers_of_the_paper():
    network = build_backbone(SMALL["wider"], 9, 8, 3)
    for _ in range(3):  # running statistics of its own for each BatchNorm
        network(torch.rand(8, 3, 9, 8))
    images = torch.rand(2, 3, 9, 8)
    with torch.no_grad():
        ours = network.eval()(images)
        torch.testing.assert_close(ours, plain_wide_resnet(network.state_dict(), images))


def test_lenet_has_the_layers_of_the_paper():
    network = build_backbone(LeNet(family="lenet", latent=60), 28, 28, 1)
    shapes = [tuple(p.shape) for p in network.parameters() if p.ndim > 1]
    assert shapes == [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (60, 84)]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 3)])
def test_max_pool_is_torchs_with_and_without_a_gradient(size, layout):
    maps = torch.randn(5, 6, *size).to(memory_format=layout)
    expected = nn.MaxPool2d(2)(maps)
    torch.testing.assert_close(MaxPool2x2()(maps), expected, rtol=0, atol=0)
    with torch.inference_mode():
        torch.testing.assert_close(MaxPool2x2()(maps), expected, rtol=0, atol=0)


@pytest.mark.parametrize("channels", [1, 3, 4, 12])
def test_shortcut_is_a_strided_convolution(channels):
    torch.manual_seed(channels)
    shortcut = Shortcut(channels, 8, 1, stride=2, bias=False)
    shortcut.to(memory_format=torch.channels_last)
    images = torch.rand(16, channels, 9, 8).to(memory_format=torch.channels_last)
    weight = shortcut.weight.detach().double().contiguous().requires_grad_()
    for _ in range(3):
        ours, inputs = shortcut(images.requires_grad_()), images.double().contiguous()
        theirs = functional.conv2d(inputs, weight, stride=2)
        torch.testing.assert_close(ours, theirs.float())  # within what float32 rounds
        grads = torch.autograd.grad(ours.square().sum(), [images, shortcut.weight])
        expected = torch.autograd.grad(theirs.square().sum(), [images, weight])
        for grad, other in zip(grads, expected, strict=True):
            torch.testing.assert_close(grad, other.to(grad), rtol=1e-4, atol=1e-4)


def test_encoder_takes_stored_images_and_views_alike():
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.1, 0.2, 0.3])
    recipe = ResNet(family="resnet", stem="half", widths=[4], blocks=[1])
    encoder = Encoder(recipe, Inputs(8, 6, 3, mean, std)).eval()
    stored = np.random.default_rng(0).integers(0, 256, (5, 8, 6, 3), dtype=np.uint8)
    views = torch.from_numpy(stored.transpose(0, 3, 1, 2).astype(np.float32) / 255)
    normal = (views.numpy() - mean.numpy()[:, None, None]) / std.numpy()[:, None, None]
    expected = encoder.backbone(torch.from_numpy(normal))
    torch.testing.assert_close(encoder(views), expected)
    torch.testing.assert_close(encoder(torch.from_numpy(stored)), expected)
    assert encoder(torch.from_numpy(stored)).dtype == torch.float32
