import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from coldstart.common.errors import ColdstartError
from coldstart.common.vision import torchvision
from coldstart.embeddings import grad_norm
from coldstart.embeddings.grad_norm import gradient_norms
from coldstart.training.backbones.shortcut import Shortcut
from coldstart.training.heads import UnitLinear


def one_by_one(network, loss, samples):
    """The slow twin: one backward pass for each sample; ``loss(rows)`` runs just those samples."""
    norms = []
    for sample in range(samples):
        network.zero_grad()
        loss(torch.tensor([sample])).sum().backward()
        grads = [p.grad for p in network.parameters() if p.requires_grad and p.grad is not None]
        norms.append(sum(grad.double().square().sum() for grad in grads).sqrt())
    network.zero_grad()
    return torch.stack(norms).float()


def check(network, loss, samples):
    norms = gradient_norms(network, lambda: loss(torch.arange(samples)), samples)
    assert norms.shape == (samples,)
    assert norms.dtype == torch.float32
    torch.testing.assert_close(norms, one_by_one(network, loss, samples), rtol=1e-4, atol=1e-6)
    return norms


def settle(network, seed=0):
    """Eval mode, with affine parameters and running statistics unlike those of a new layer."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
                nn.init.normal_(module.bias, 0, 0.3, generator=generator)
    return network.eval()


def head(inputs, hidden, outputs):
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(True), nn.Linear(hidden, outputs)
    )


def of_views(network, views, targets):
    """BYOL's symmetric loss: both views [2, samples, ...] of each sample in one batch."""

    def loss(rows):
        outputs = network(views[:, rows].flatten(0, 1))
        cosines = functional.cosine_similarity(outputs, targets[:, rows].flatten(0, 1))
        return (2 - 2 * cosines).view(2, -1).sum(0)

    return loss


def of_outputs(network, inputs):
    return lambda rows: network(inputs[rows]).flatten(1).square().sum(1)


@pytest.mark.parametrize(
    ("stem", "layout"),
    [
        ("cifar", torch.channels_last),
        ("cifar", torch.contiguous_format),
        ("imagenet", torch.channels_last),
    ],
)
def test_byol_on_resnet18_equals_one_image_at_a_time(stem, layout):
    torch.manual_seed(0)
    encoder = torchvision.models.resnet18()
    if stem == "cifar":
        encoder.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        encoder.maxpool = nn.Identity()
    encoder.fc = nn.Identity()
    network = settle(nn.Sequential(encoder, head(512, 96, 32), head(32, 96, 32)))
    network.to(memory_format=layout)
    side = 16 if stem == "cifar" else 64
    views = torch.randn(2, 3, 3, side, side)
    check(network, of_views(network, views, torch.randn(2, 3, 32)), 3)


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 3),
    out=st.sampled_from([1, 4, 40]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    bias=st.booleans(),
    views=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_convolutions_of_any_shape_are_exact(
    channels, out, kernel, stride, padding, dilation, mode, bias, views, seed
):
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding, dilation, 1, bias, mode),
        nn.ReLU(inplace=True),
        nn.Conv2d(out, 5, (1, 1), bias=not bias),
    ).eval()
    inputs = torch.randn(views, 3, channels, 7, 6)

    def loss(rows):
        outputs = network(inputs[:, rows].flatten(0, 1)).flatten(1)
        return outputs.view(views, len(rows), -1).sum(0).square().sum(1)

    check(network, loss, 3)


@pytest.mark.filterwarnings("ignore:Using padding")
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_named_padding_with_an_even_kernel_is_exact(padding):
    network = nn.Sequential(nn.Conv2d(2, 3, (4, 2), padding=padding), nn.Tanh())
    check(network, of_outputs(network, torch.randn(4, 2, 6, 6)), 4)


def test_strided_shortcut_of_the_backbone_is_exact():
    torch.manual_seed(0)
    network = nn.Sequential(Shortcut(4, 6, 1, 2, bias=False), nn.Tanh(), nn.Conv2d(6, 2, 2))
    check(network, of_outputs(network, torch.randn(3, 4, 7, 6)), 3)


def test_direct_and_gram_forms_agree_in_several_chunks(monkeypatch):
    """Few positions and many channels take the Gram form, the reverse the direct form."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 64, 5, stride=5), nn.Tanh(),
        nn.Flatten(), nn.Linear(256, 50), nn.Tanh(), nn.Linear(50, 3),
    )  # fmt: skip
    loss = of_outputs(network, torch.randn(7, 1, 10, 10))
    whole = check(network, loss, 7)
    monkeypatch.setitem(grad_norm._CHUNK_BYTES, "cpu", 200_000)
    torch.testing.assert_close(check(network, loss, 7), whole)


def test_linear_layers_over_tokens_and_batch_norm_over_time_are_exact():
    torch.manual_seed(0)
    network = settle(
        nn.Sequential(
            nn.Linear(4, 6), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(6, 3, bias=False),
            nn.BatchNorm1d(5, affine=False),
        )
    )  # fmt: skip
    check(network, of_outputs(network, torch.randn(3, 5, 4)), 3)


@pytest.mark.parametrize("chunk", [1, 5 * 2**20])
def test_products_with_unit_vectors_are_exact(monkeypatch, chunk):
    monkeypatch.setattr(grad_norm, "_CHUNK_BYTES", {"cpu": chunk})
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), UnitLinear(5, 7))
    images = torch.randn(9, 4)

    def loss(rows):
        two = network(torch.cat([images[rows], images[3 + rows]])).view(2, len(rows), 7)
        one = network(images[6 + rows])
        return (two[0] * one + two[1].exp()).sum(1)

    check(network, loss, 3)
    check(network[2], lambda rows: network[2](images.tile(1, 2)[rows, :5]).exp().sum(1), 3)


def test_several_calls_of_a_layer_add_up():
    torch.manual_seed(0)
    network = settle(
        nn.Sequential(
            nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(True),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 4),
        )
    )  # fmt: skip
    large, small = torch.randn(3, 2, 8, 8), torch.randn(6, 2, 5, 5)

    def loss(rows):
        one = network(input=large[rows])
        two = network(torch.cat([small[rows], small[3 + rows]])).view(2, len(rows), 4)
        with torch.no_grad():
            constant = network(large[rows].flip(-1))
        return (one * two.sum(0)).sum(1) + (one * constant).sum(1)

    check(network, loss, 3)


def test_stopped_gradients_add_nothing():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
    inputs = torch.randn(5, 4)
    check(network, lambda rows: (network(inputs[rows]) * network(-inputs[rows]).detach()).sum(1), 5)


def test_a_layer_that_no_gradient_reaches_adds_zero():
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused, self.uncalled = (nn.Linear(3, 2) for _ in range(3))

        def forward(self, x):
            self.unused(x)
            return self.used(x)

    network = Unused()
    check(network, of_outputs(network, torch.randn(4, 3)), 4)


def test_only_parameters_that_require_gradients_count():
    torch.manual_seed(0)
    network = settle(
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))
    )
    loss = of_outputs(network, torch.randn(5, 2, 4, 4))
    everything = check(network, loss, 5)
    network[0].requires_grad_(False)
    network[1].weight.requires_grad_(False)
    network[3].bias.requires_grad_(False)
    assert (check(network, loss, 5) < everything).all()
    assert [p.requires_grad for p in network.parameters()] == [
        False,
        False,
        False,
        True,
        True,
        False,
    ]


def test_in_place_changes_and_gradients_from_outside_are_handled():
    """Outputs changed in place, through views too; an input that wants a gradient gets none."""

    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(2, 3, 3), nn.Linear(12, 4)

        def forward(self, x):
            hidden = self.conv(x)
            hidden.view(-1, 12).mul_(3)
            hidden[:, 1].neg_()
            hidden.relu_()
            return self.fc(hidden.flatten(1)).exp_()

    torch.manual_seed(0)
    network = InPlace()
    inputs = torch.randn(3, 2, 4, 4, requires_grad=True)
    check(network, of_outputs(network, inputs), 3)
    inputs.grad = None
    gradient_norms(network, lambda: network(inputs).sum(1), 3)
    assert inputs.grad is None


def test_half_precision_losses_still_give_float32_norms():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(12, 4))
    inputs = torch.randn(3, 2, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        norms = gradient_norms(network, lambda: of_outputs(network, inputs)(torch.arange(3)), 3)
    assert norms.dtype == torch.float32
    expected = one_by_one(network, of_outputs(network, inputs), 3)
    torch.testing.assert_close(norms, expected, rtol=0.05, atol=0)


def state(network):
    return (
        [
            (p.requires_grad, None if p.grad is None else p.grad.clone())
            for p in network.parameters()
        ],
        [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()],
    )


def same(before, after):
    assert before[1] == after[1]
    for (needed, grad), (needs, now) in zip(before[0], after[0], strict=True):
        assert needed == needs
        assert (grad is None and now is None) or torch.equal(grad, now)


@pytest.mark.parametrize("fails", ["nowhere", "losses", "forward", "backward"])
def test_network_is_unchanged_afterwards(fails):
    class Fault(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise ValueError("backward")

    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)).eval()
    network(torch.randn(2, 3)).sum().backward()
    network[0].bias.requires_grad_(False)
    network[2].weight.grad = None
    before = state(network)

    def losses() -> Tensor:
        outputs = network(torch.randn(4, 2 if fails == "forward" else 3)).sum(1)
        if fails == "losses":
            raise ValueError("losses")
        return Fault.apply(outputs) if fails == "backward" else outputs

    if fails == "nowhere":
        gradient_norms(network, losses, 4)
    else:
        with pytest.raises(RuntimeError if fails == "forward" else ValueError):
            gradient_norms(network, losses, 4)
    same(before, state(network))


def refused(network, match, losses=None, shape=(4, 3), samples=4):
    before = state(network)
    with pytest.raises(ColdstartError, match=match):
        gradient_norms(network, losses or (lambda: network(torch.randn(shape)).sum(1)), samples)
    same(before, state(network))


def test_batch_statistics_are_refused():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, affine=False))
    refused(network, r"layer 1 \(BatchNorm1d\)")
    refused(nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False)).eval(), "layer 0")


class OwnScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x * self.weight


class FunctionalUse(nn.Sequential):
    def forward(self, x):
        return super().forward(x) + functional.linear(x, self[0].weight)


@pytest.mark.parametrize(
    ("network", "match"),
    [
        (nn.Sequential(nn.LayerNorm(3)), r"layer 0 \(LayerNorm\)"),
        (nn.Sequential(nn.Linear(3, 3), OwnScale()), r"layer 1 \(OwnScale\)"),
        (OwnScale(), "the network itself"),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2)), r"layer 0 \(Conv2d\) has groups"),
        (nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))), "layer 0"),
        (nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))), "layer 0"),
        (FunctionalUse(nn.Linear(3, 3)), "parameter 0.weight is used outside"),
    ],
)
def test_unsupported_layers_are_refused(network, match):
    refused(network.eval(), match)


def test_pruned_layer_is_refused():
    network = nn.Sequential(nn.Linear(3, 3))
    prune.random_unstructured(network[0], "weight", 0.5)
    refused(network, "layer 0")


def test_shared_parameter_is_refused():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    network[1].weight = network[0].weight
    refused(network, r"weight of layer 1 \(Linear\) belongs to another layer")


def test_rows_and_losses_that_do_not_match_the_batch_are_refused():
    network = nn.Sequential(nn.Linear(3, 3))
    refused(network, "whole copies of the 4 samples", shape=(6, 3))
    refused(network, "whole copies", lambda: network(torch.randn(4, 4)[0, :3])[:1].expand(4))
    refused(network, r"shape \[4, 3\]", lambda: network(torch.randn(4, 3)))
    refused(network, "do not depend", lambda: torch.zeros(4))
    refused(network.requires_grad_(False), "no parameter")


def test_input_changed_after_its_use_is_refused():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))

    def losses():
        hidden = network[0](torch.randn(4, 3))
        outputs = network[1](hidden)
        hidden.add_(1)
        return outputs.sum(1)

    refused(network, r"input of layer 1 \(Linear\) was changed in place", losses)
