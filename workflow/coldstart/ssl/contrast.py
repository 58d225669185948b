"""Contrastive losses: two views of an image are to be alike, and unlike all other images.

All similarities are of unit vectors, and all sums in float32, under autocast too.
"""

import torch
from torch import Tensor
from torch.nn import functional

from coldstart.ssl.method import Bank
from coldstart.training.distributed import gather, rank


def unit(vectors: Tensor) -> Tensor:
    """Scale vectors [N, D] to length one, in float32 (float64 stays)."""
    vectors = vectors.float() if vectors.dtype != torch.float64 else vectors
    return functional.normalize(vectors, dim=1)


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return each image's NT-Xent, the mean of its two directions (Chen et al. 2020, equation 1).

    A view's negatives are both views of all other images of the batch, those of other processes
    among them. A batch of one image has no negatives, and its loss is nought whatever the image.

    Args:
        first: unit vectors of this process's images, [N, D].
        second: of their other views, [N, D].
        temperature: what similarities are divided by.

    Returns:
        Tensor: [N].
    """
    count = len(first)
    everyone = torch.cat([gather(first), gather(second)])
    images = len(everyone) // 2
    with torch.autocast(first.device.type, enabled=False):
        logits = torch.cat([first, second]) @ everyone.T / temperature
    here = rank() * count + torch.arange(count, device=first.device)
    itself = torch.cat([here, here + images])
    logits = logits.scatter(1, itself.unsqueeze(1), -torch.inf)
    losses = functional.cross_entropy(logits, itself.roll(count), reduction="none")
    return losses.view(2, -1).mean(0)


def info_nce(queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Return each query's InfoNCE (He et al. 2020, equation 1).

    Args:
        queries: unit vectors [N, D].
        keys: what each is to be like, [N, D].
        negatives: what all are to be unlike, [K, D].
        temperature: what similarities are divided by.

    Returns:
        Tensor: [N].
    """
    with torch.autocast(queries.device.type, enabled=False):
        unlike = queries @ negatives.T / temperature
    return _info_nce((queries * keys).sum(1) / temperature, unlike)


def against_bank(
    queries: Tensor, keys: Tensor, bank: Bank | None, ids: Tensor | None, temperature: float
) -> Tensor:
    """Return each image's InfoNCE against a bank, the mean of both directions.

    An image is no negative of its own: it is left out of the bank by its id. So the loss depends on
    that image and the bank alone.

    Args:
        queries: unit vectors of both views of N images, [view 1; view 2]: [2 N, D].
        keys: of the other view of each, [view 2; view 1]: [2 N, D].
        bank: the negatives.
        ids: of the images, int64 [N].
        temperature: what similarities are divided by.

    Returns:
        Tensor: [N].

    Raises:
        ValueError: there is no bank, or there are no ids.
    """
    if bank is None or ids is None:
        raise ValueError(
            "a contrastive loss of single images needs negatives: set `bank` and pass the ids"
        )
    own = ids.repeat(2).unsqueeze(1) == bank.ids
    with torch.autocast(queries.device.type, enabled=False):
        unlike = (queries @ bank.keys.T / temperature).masked_fill(own, -torch.inf)
    losses = _info_nce((queries * keys).sum(1) / temperature, unlike)
    return losses.view(2, -1).mean(0)


def _info_nce(like: Tensor, unlike: Tensor) -> Tensor:
    """-log(exp(p) / (exp(p) + sum exp(n))) of p [N] and n [N, K], without cancellation."""
    return functional.softplus(unlike.logsumexp(1) - like)
