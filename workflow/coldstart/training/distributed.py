"""Training by several processes, with the results of one.

Each process has its rows of every batch, in the order of the ranks. The trainer descends the mean
of the processes' losses. The backward pass of every operation here is the transpose of its forward
pass over all processes. The gradient, averaged over the processes, is therefore that of a single
process, whether a method computes each rank's loss from its own rows or from all rows. With one
process every function here returns its argument.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn


def world() -> int:
    """Number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number of this process among them, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def gather(tensor: Tensor) -> Tensor:
    """Join every process's rows, in the order of the ranks.

    Args:
        tensor: [N, ...], of the same shape in every process.

    Returns:
        Tensor: [N * world, ...], the same in every process. Gradients reach the rows of all of
        them.
    """
    if world() == 1:
        return tensor
    joined: Tensor = _Gather.apply(tensor)  # type: ignore[no-untyped-call]
    return joined


def total(tensor: Tensor) -> Tensor:
    """Sum a tensor over all processes, element by element.

    Args:
        tensor: of any shape, the same in every process.

    Returns:
        Tensor: of that shape, the same in every process. Gradients reach the terms of all of them.
    """
    if world() == 1:
        return tensor
    summed: Tensor = _Total.apply(tensor)  # type: ignore[no-untyped-call]
    return summed


def anywhere(flag: bool) -> bool:
    """Return True if a flag is set in any process: the same answer in all of them."""
    if world() == 1:
        return flag
    found = torch.tensor(int(flag))  # on the CPU: a GPU would have to be waited for
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return bool(found)


def of_first(value: Any) -> Any:
    """Return the first process's value in all processes; its tensors are on the CPU."""
    if world() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, device=torch.device("cpu"))
    return values[0]


@contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Train together with the processes that torchrun's environment variables tell of.

    Args:
        device: the kind of device; each process of a machine takes a GPU of its own.

    Yields:
        torch.device: this process's own.
    """
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    yield device
    # After a failure, do not wait for the others: they may never come.
    distributed.destroy_process_group()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        tensor = tensor.contiguous()
        ctx.rows = len(tensor)
        parts = [torch.empty_like(tensor) for _ in range(world())]
        distributed.all_gather(parts, tensor)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient).narrow(0, rank() * ctx.rows, ctx.rows)


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return _summed(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _summed(gradient)


def _summed(tensor: Tensor) -> Tensor:
    result = tensor.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(result)
    return result


class SynchronisedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm with the statistics of the whole batch, on any device.

    Its parameters, buffers and results equal those of the BatchNorm that it replaces.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Take images and vectors alike."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise [N, C, ...], of the same shape in every process."""
        if not self.training or world() == 1:
            return super().forward(input)
        values = input.to(torch.promote_types(input.dtype, torch.float32))
        axes = [axis for axis in range(input.ndim) if axis != 1]
        variances, means = torch.var_mean(values, axes, correction=0)
        # With equal counts, the variance is the mean variance plus the variance of means.
        every = gather(torch.stack((means, variances)).unsqueeze(0))
        mean = every[:, 0].mean(0)
        variance = every[:, 1].mean(0) + (every[:, 0] - mean).square().mean(0)
        if self.running_mean is not None and self.running_var is not None:
            self._follow(mean.detach(), variance.detach(), world() * input.numel() // len(mean))
        scale = (variance + self.eps).rsqrt()
        shift = -mean * scale
        if self.affine:
            scale, shift = scale * self.weight, shift * self.weight + self.bias
        column = (1, -1, *[1] * (input.ndim - 2))
        return torch.addcmul(shift.view(column), values, scale.view(column)).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics; the running variance is unbiased, as in torch."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        weight = 1 / self.num_batches_tracked.to(mean.dtype) if share is None else share
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(variance * (count / (count - 1)), weight)


def synchronise(model: nn.Module, device: torch.device) -> None:
    """Make every BatchNorm of a model see the whole batch, in place; names stay.

    Args:
        model: on its device.
        device: the model's; on a GPU torch's own, faster module is used.
    """
    kind = nn.SyncBatchNorm if device.type == "cuda" else SynchronisedBatchNorm
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.modules.batchnorm._BatchNorm) and not isinstance(child, kind):
                setattr(parent, name, _of_kind(kind, child))


def _of_kind(
    kind: type[nn.modules.batchnorm._BatchNorm], norm: nn.modules.batchnorm._BatchNorm
) -> nn.Module:
    """Return the layer as a module of another class, with the same tensors."""
    result = kind(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    result.weight, result.bias = norm.weight, norm.bias
    result.running_mean, result.running_var = norm.running_mean, norm.running_var
    result.num_batches_tracked = norm.num_batches_tracked
    return result.train(norm.training)
