"""Exact per-sample gradient norms over all parameters of a network, a batch at a time.

The gradient samplers (Ganesh & Vento, Deep Active Learning through Self-Supervised
Representations, Algorithm 4) rank images by the L2 norm of the gradient of each image's own loss.
One backward pass per image gives it, slowly. Here one backward pass serves a whole batch: it
computes no weight gradients, and each layer's share of every squared norm follows from the layer's
input and its output gradient (Goodfellow, Efficient Per-Example Gradient Computations, 2015).
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from coldstart.common.errors import ColdstartError
from coldstart.training.backbones.shortcut import Shortcut
from coldstart.training.heads import UnitLinear

# Bytes of temporary tensors that a layer makes at once. On a CPU, tensors that exceed the cache, or
# whose memory the system has to provide anew each time, cost more than the arithmetic.
_CHUNK_BYTES = {"cpu": 5 * 2**20}
_CHUNK_BYTES_OTHERWISE = 2**30


def gradient_norms(network: nn.Module, losses: Callable[[], Tensor], samples: int) -> Tensor:
    """Return the L2 norm of each sample's gradient over the parameters that require one.

    Covers Linear, UnitLinear, Conv2d without groups, and BatchNorm1d/2d. The gradients of the
    parameters are neither computed nor touched. All sums are float32, under autocast too.

    Args:
        network: in evaluation mode, so that BatchNorm uses its running statistics and samples do
            not depend on each other.
        losses: runs ``network``, once or several times, and returns the losses [samples]; each
            may depend on its own sample only. Every layer's batch is made of whole copies of the
            samples in order: row r belongs to sample r mod ``samples``, as in [view 1; view 2].
        samples: their number.

    Returns:
        float32 [samples], on the losses' device.

    Raises:
        ColdstartError: a BatchNorm uses batch statistics; a parameter belongs to a layer that is
            not covered, to two layers, or is used outside its layer; a batch is not a whole number
            of copies of the samples; a layer's input was changed in place; the losses have another
            shape or no gradient.
    """
    _require_running_statistics(network)
    layers = _layers(network, samples)
    parameters = {
        name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad
    }
    if not parameters:
        raise ColdstartError("gradient norms: no parameter of the network requires a gradient")
    anchor = torch.zeros((), requires_grad=True)
    handles = [handle for layer in layers for handle in layer.attach(anchor)]
    try:
        with torch.enable_grad():
            values = losses()
        if values.shape != (samples,):
            raise ColdstartError(
                f"gradient norms: the losses have shape {list(values.shape)}, not [{samples}]"
            )
        if not values.requires_grad:
            raise ColdstartError("gradient norms: the losses do not depend on the network")
        # Every tapped output depends on the anchor. Asking for the anchor's gradient therefore runs
        # the backward pass through the network alone, and not through what lies before it.
        gradients = torch.autograd.grad(
            values.sum(), [anchor, *parameters.values()], allow_unused=True
        )
    finally:
        for handle in handles:
            handle.remove()
        for parameter in parameters.values():
            parameter.requires_grad_(True)
    for name, gradient in zip(parameters, gradients[1:], strict=True):
        if gradient is not None:
            raise ColdstartError(
                f"gradient norms: parameter {name} is used outside the layer that owns it; "
                "call the layer instead"
            )
    total = torch.zeros(samples, device=values.device)
    for layer in layers:
        total += layer.squared_norms().to(total.device)
    return total.sqrt()


def _require_running_statistics(network: nn.Module) -> None:
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and (module.training or module.running_mean is None):
            raise ColdstartError(
                f"gradient norms: {_named(name, module)} uses batch statistics, which ties the "
                "samples together; give it running statistics and call network.eval() first"
            )


def _layers(network: nn.Module, samples: int) -> list["_Layer"]:
    """Return the modules that own a counted parameter; ColdstartError if one is not covered."""
    layers = []
    owners: Counter[nn.Parameter] = Counter()
    for name, module in network.named_modules():
        own = dict(module.named_parameters(recurse=False, remove_duplicate=False))
        owners.update(own.values())
        if not any(parameter.requires_grad for parameter in own.values()):
            continue
        kind = _KINDS.get(type(module))
        # Weight normalisation and pruning keep the type but rename the parameters.
        if kind is None or not own.keys() <= {"weight", "bias"}:
            raise ColdstartError(
                f"gradient norms: {_named(name, module)} owns parameters and is not covered; only "
                f"{', '.join(covered.__name__ for covered in _KINDS)} with a plain weight and bias "
                "are"
            )
        if isinstance(module, nn.Conv2d) and module.groups != 1:
            raise ColdstartError(
                f"gradient norms: {_named(name, module)} has groups, which are not covered"
            )
        for key, parameter in own.items():
            if owners[parameter] > 1:
                raise ColdstartError(
                    f"gradient norms: the {key} of {_named(name, module)} belongs to another layer "
                    "too; shared parameters are not covered"
                )
        layers.append(kind(name, module, samples))
    return layers


def _named(name: str, module: nn.Module) -> str:
    return f"layer {name or '(the network itself)'} ({type(module).__name__})"


class _Tap(torch.autograd.Function):
    """The identity, in place; its backward pass hands the gradient to ``record``."""

    @staticmethod
    def forward(
        ctx: Any, output: Tensor, anchor: Tensor, record: Callable[[Tensor], None]
    ) -> Tensor:
        ctx.record = record
        ctx.mark_dirty(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        record, ctx.record = ctx.record, None  # frees the layer's input, which the record holds
        record(gradient)
        return gradient, None, None


class _Layer(ABC):
    """One layer's share of the squared norms, from its inputs and output gradients.

    It is computed as soon as all of the layer's calls have their gradients, so that inputs and
    gradients are freed while the backward pass goes on.
    """

    dimensions: tuple[int, ...]  # numbers of dimensions that a batched input may have

    def __init__(self, name: str, module: nn.Module, samples: int) -> None:
        self.named = _named(name, module)
        self.module: Any = module
        self.samples = samples
        self.weight, self.bias = (
            getattr(module, key) is not None and getattr(module, key).requires_grad
            for key in ("weight", "bias")
        )
        self.counted = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.pending = 0
        self.calls: list[tuple[Tensor, Tensor]] = []
        self.total: Tensor | None = None

    def attach(self, anchor: Tensor) -> list[torch.utils.hooks.RemovableHandle]:
        def before(module: nn.Module, arguments: Any, keywords: Any) -> None:
            # Otherwise the backward pass would compute the weight gradients. After the call the
            # parameters require gradients again, so that a use of them elsewhere is noticed.
            for parameter in self.counted:
                parameter.requires_grad_(False)

        def after(module: nn.Module, arguments: Any, keywords: Any, output: Tensor) -> Tensor:
            for parameter in self.counted:
                parameter.requires_grad_(True)
            if not torch.is_grad_enabled():
                return output
            return self._tap(arguments[0] if arguments else keywords["input"], output, anchor)

        return [
            self.module.register_forward_pre_hook(before, with_kwargs=True),
            self.module.register_forward_hook(after, with_kwargs=True),
        ]

    def _tap(self, inputs: Tensor, output: Tensor, anchor: Tensor) -> Tensor:
        if inputs.dim() not in self.dimensions or len(inputs) % self.samples:
            raise ColdstartError(
                f"gradient norms: {self.named} got an input of shape {list(inputs.shape)}, "
                f"whose rows are not whole copies of the {self.samples} samples"
            )
        inputs = inputs.detach()
        version = inputs._version
        self.pending += 1

        def record(gradient: Tensor) -> None:
            if inputs._version != version:
                raise ColdstartError(
                    f"gradient norms: the input of {self.named} was changed in place after its use"
                )
            self.calls.append((inputs, gradient))
            self.pending -= 1
            if not self.pending:
                self._take()

        tapped: Tensor = _Tap.apply(output, anchor, record)  # type: ignore[no-untyped-call]
        return tapped

    def _take(self) -> None:
        device = self.calls[0][0].device
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            self.total = self._squared_norms([(x.float(), g.float()) for x, g in self.calls])
        self.calls = []

    def squared_norms(self) -> Tensor:
        """Return the squared norms [samples]; zero if no gradient reached the layer."""
        if self.calls:  # the losses do not depend on some of the calls
            self._take()
        return torch.zeros(self.samples) if self.total is None else self.total

    @abstractmethod
    def _squared_norms(self, calls: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Return squared norms [samples], given inputs and output gradients of each call."""

    def _of_rows(self, rows: list[Tensor]) -> Tensor:
        """Return the squared norm [samples] of each sample's sum of its rows in all calls."""
        gradients = torch.cat(rows)
        return gradients.view(-1, self.samples, gradients.shape[1]).sum(0).square().sum(1)


class _BatchNormLayer(_Layer):
    """The scale's gradient is the sum of g * x_hat, the shift's the sum of g."""

    dimensions = (2, 3, 4)

    def _squared_norms(self, calls: list[tuple[Tensor, Tensor]]) -> Tensor:
        total = torch.zeros(self.samples, device=calls[0][0].device)
        if self.weight:
            total += self._of_rows([self._scale_gradients(x, g) for x, g in calls])
        if self.bias:
            total += self._of_rows([_sum_positions(g) for _, g in calls])
        return total

    def _scale_gradients(self, x: Tensor, g: Tensor) -> Tensor:
        """Return the gradients of the scale, [rows, C]."""
        mean = self.module.running_mean.float().view(-1, *[1] * (x.dim() - 2))
        scale: Tensor = (self.module.running_var.float() + self.module.eps).rsqrt()
        rows = _chunk(x.device, x[0].numel())
        parts = [
            _sum_positions((x[start : start + rows] - mean).mul_(g[start : start + rows]))
            for start in range(0, len(x), rows)
        ]
        return torch.cat(parts) * scale


class _ProductLayer(_Layer):
    """The weight's gradient is G^T A: the sum over positions of (output gradient) (input)^T.

    Let a sample have P positions in all its rows. Then |G^T A|^2 is computed directly with P K O
    multiplications, or as <A A^T, G G^T> with P^2 (K + O), which are fewer if there are few
    positions and many channels.
    """

    @abstractmethod
    def _channels_last(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Return inputs and output gradients, both [rows, positions..., channels]."""

    @abstractmethod
    def _patches(self, x: Tensor) -> Tensor:
        """Return a view of each output position's input: [samples, views, positions..., K...]."""

    def _squared_norms(self, calls: list[tuple[Tensor, Tensor]]) -> Tensor:
        calls = [self._channels_last(x, g) for x, g in calls]
        total = torch.zeros(self.samples, device=calls[0][0].device)
        if self.bias:
            total += self._of_rows([g.flatten(1, -2).sum(1) for _, g in calls])
        if self.weight:
            total += self._weight(calls)
        return total

    def _weight(self, calls: list[tuple[Tensor, Tensor]]) -> Tensor:
        out, width = len(self.module.weight), self.module.weight[0].numel()
        positions = sum(g.numel() for _, g in calls) // (out * self.samples)
        direct = width * out < positions * (width + out)
        floats = positions * (width + out) + (width * out if direct else 2 * positions**2)
        chunk = _chunk(calls[0][0].device, floats)
        parts = []
        for start in range(0, self.samples, chunk):
            these = slice(start, start + chunk)
            A = _joined([self._patches(self._by_sample(x)[these]) for x, _ in calls], width)
            G = _joined([self._by_sample(g)[these] for _, g in calls], out)
            if direct:
                parts.append(torch.bmm(G.mT, A).square_().sum((1, 2)))
            else:
                gram = torch.bmm(A, A.mT).mul_(torch.bmm(G, G.mT)).sum((1, 2))
                parts.append(gram.clamp_min_(0))  # rounding can make the sum slightly negative
        return torch.cat(parts)

    def _by_sample(self, rows: Tensor) -> Tensor:
        """Reshape [rows, ...] to [samples, views, ...]."""
        return rows.view(-1, self.samples, *rows.shape[1:]).transpose(0, 1)


class _LinearLayer(_ProductLayer):
    dimensions = (2, 3, 4, 5)

    def _channels_last(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        return x.unsqueeze(1), g.unsqueeze(1)

    def _patches(self, x: Tensor) -> Tensor:
        return x


class _UnitLinearLayer(_LinearLayer):
    """The layer multiplies by u = w / |w|. If M is the gradient of u, w's is (M - (M u) u) / |w|.

    A row's share is therefore (|M|^2 - (M u)^2) / |w|^2. With M = G^T A, M u is the sum over rows
    of output gradient times output.
    """

    def _weight(self, calls: list[tuple[Tensor, Tensor]]) -> Tensor:
        rows = self.module.weight.float()
        lengths = rows.norm(dim=1)
        positions = sum(x[..., 0].numel() for x, _ in calls) // self.samples
        chunk = _chunk(rows.device, positions * (rows.shape[1] + 3 * len(rows)))
        parts = []
        for start in range(0, self.samples, chunk):
            these = slice(start, start + chunk)
            A = _joined([self._by_sample(x)[these] for x, _ in calls], rows.shape[1])
            G = _joined([self._by_sample(g)[these] for _, g in calls], len(rows)) / lengths
            whole = torch.bmm(A, A.mT).mul_(torch.bmm(G, G.mT)).sum((1, 2))
            along = (A @ (rows.T / lengths)).mul_(G).sum(1).square().sum(1)
            parts.append((whole - along).clamp_min_(0))  # rounding can make it slightly negative
        return torch.cat(parts)


class _Conv2dLayer(_ProductLayer):
    """A convolution is a product with the patches under its kernel."""

    dimensions = (4,)

    def _channels_last(self, x: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        if self.module.padding_mode != "zeros":
            padding = self.module._reversed_padding_repeated_twice
            x = functional.pad(x, padding, self.module.padding_mode)
        # Patches are then copied a whole pixel at a time.
        x = x.contiguous(memory_format=torch.channels_last)
        return x.permute(0, 2, 3, 1), g.permute(0, 2, 3, 1)

    def _patches(self, x: Tensor) -> Tensor:
        conv = self.module
        padding = conv._reversed_padding_repeated_twice
        if conv.padding_mode == "zeros" and any(padding):
            x = functional.pad(x, (0, 0, *padding))
        for axis in (0, 1):
            dilation = conv.dilation[axis]
            span = dilation * (conv.kernel_size[axis] - 1) + 1
            x = x.unfold(2 + axis, span, conv.stride[axis])[..., ::dilation]
        return x.permute(0, 1, 2, 3, 5, 6, 4)


_KINDS: dict[type[nn.Module], type[_Layer]] = {
    nn.Linear: _LinearLayer,
    UnitLinear: _UnitLinearLayer,
    nn.Conv2d: _Conv2dLayer,
    Shortcut: _Conv2dLayer,  # the same convolution, computed in another way
    nn.BatchNorm1d: _BatchNormLayer,
    nn.BatchNorm2d: _BatchNormLayer,
}


def _chunk(device: torch.device, floats: int) -> int:
    """Return how many items of so many floats fit into memory at a time."""
    return max(1, _CHUNK_BYTES.get(device.type, _CHUNK_BYTES_OTHERWISE) // (4 * floats))


def _joined(calls: list[Tensor], width: int) -> Tensor:
    """Join the positions of all views and calls: [samples, P, width]."""
    parts = [call.reshape(len(call), -1, width) for call in calls]
    return (
        torch.cat(parts, 1) if len(parts) > 1 else parts[0]
    )  # torch.cat copies even a single tensor


def _sum_positions(values: Tensor) -> Tensor:
    """Sum [rows, C, ...] over positions: [rows, C]."""
    return values.sum(tuple(range(2, values.dim()))) if values.dim() > 2 else values
