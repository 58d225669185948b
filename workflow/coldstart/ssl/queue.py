"""Queues of keys: negatives from the batches before this one (He et al. 2020)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.training.distributed import gather


class Queue(nn.Module):
    """The last keys that were put in; of those that are yet to come, random unit vectors.

    Args:
        size: how many keys are kept.
        dim: numbers in each.
    """

    keys: Tensor
    place: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", functional.normalize(torch.randn(size, dim), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.int64))  # the next row to write

    def snapshot(self) -> Tensor:
        """Return the keys [size, dim] in memory of their own, which ``put`` leaves alone."""
        # A loss needs its negatives until its backward pass, and keys are put in before that.
        return self.keys.clone()

    @torch.no_grad()
    def put(self, keys: Tensor) -> None:
        """Put all processes' keys in, in the order of their ranks, over the oldest ones.

        Args:
            keys: this process's unit vectors [N, dim]. Of more than ``size`` the last are kept.
        """
        size = len(self.keys)
        keys = gather(keys.to(self.keys.dtype))
        rows = torch.arange(len(keys), device=keys.device)[-size:]
        self.keys.index_copy_(0, (self.place + rows) % size, keys[-size:])
        self.place.add_(len(keys)).remainder_(size)
