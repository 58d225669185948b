"""Exact per-sample norms of a loss's gradient with respect to the embeddings alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from coldstart.common.errors import ColdstartError


def embedding_gradient_norms(
    encoder: nn.Module, losses: Callable[[], Tensor], samples: int
) -> Tensor:
    """Return the L2 norm of the gradient of each sample's loss with respect to its embeddings.

    Ganesh & Vento (section 6.1) suppose that it is more informative than the gradient over all
    parameters. A sample has one embedding for each of its views, and the norm is over all of them
    together. The backward pass ends at the embeddings, so it is cheap beside the forward pass.

    Args:
        encoder: in evaluation mode, in which samples do not depend on each other; its outputs are
            embeddings [n, D].
        losses: runs ``encoder``, once or several times, and returns the losses [samples]; each may
            depend on its own sample only. Every batch is made of whole copies of the samples in
            order: row r belongs to sample r mod ``samples``.
        samples: their number.

    Returns:
        float32 [samples], on the losses' device.

    Raises:
        ColdstartError: a batch is not a whole number of copies of the samples, the losses have
            another shape, or they do not depend on the embeddings.
    """
    leaves: list[Tensor] = []

    def cut(module: nn.Module, inputs: Any, embeddings: Tensor) -> Tensor:
        """Make the embeddings the leaves of the graph."""
        if len(embeddings) % samples:
            raise ColdstartError(
                f"gradients of embeddings: the encoder was given {len(embeddings)} images, not a "
                f"multiple of {samples}"
            )
        leaves.append(embeddings.detach().requires_grad_())
        return leaves[-1]

    handle = encoder.register_forward_hook(cut)
    try:
        with torch.enable_grad():
            values = losses()
    finally:
        handle.remove()
    if values.shape != (samples,):
        raise ColdstartError(
            f"gradients of embeddings: the losses have shape {list(values.shape)}, not [{samples}]"
        )
    if not (leaves and values.requires_grad):
        raise ColdstartError("gradients of embeddings: the losses do not depend on the encoder")
    gradients = torch.autograd.grad(values.sum(), leaves, allow_unused=True)
    total = torch.zeros(samples, device=values.device)
    for gradient in gradients:
        if gradient is not None:
            total += gradient.float().square().sum(1).view(-1, samples).sum(0)
    return total.sqrt()
