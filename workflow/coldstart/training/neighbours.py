"""Nearest neighbours among the images of a training, by the embeddings of an encoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.common.progress import Progress
from coldstart.training.images import Images

BATCH = 256
"""Number of images that are embedded at once."""
BLOCK = 2**26
"""Number of similarities that are in memory at once: a quarter of a gigabyte."""


@torch.no_grad()
def embed_images(encoder: nn.Module, images: Images, device: torch.device) -> Tensor:
    """Return the embeddings of all images, float32 [N, D] on the device.

    Args:
        encoder: in evaluation mode, on the device: uint8 [n, H, W, C] to float32 [n, D].
        images: N of them.
        device: where to compute.
    """
    progress = Progress("embedding", len(images))
    parts = []
    for chunk in images.chunks():
        for batch in torch.split(torch.from_numpy(chunk), BATCH):
            parts.append(encoder(batch.to(device)).float())
            progress.advance(len(batch))
    return torch.cat(parts)


@torch.no_grad()
def nearest(embeddings: Tensor, count: int) -> Tensor:
    """Return the exact nearest neighbours of each row by cosine: int64 [N, K] on the CPU.

    The nearest comes first, and no row is its own neighbour. Equal embeddings give equal rows on
    the same device.

    Args:
        embeddings: float32 [N, D], two or more.
        count: number of neighbours K; all other rows if there are fewer.
    """
    count = min(count, len(embeddings) - 1)
    units = functional.normalize(embeddings, dim=1)
    progress = Progress("finding neighbours", len(units))
    parts = []
    for start in range(0, len(units), max(1, BLOCK // len(units))):
        block = units[start : start + max(1, BLOCK // len(units))]
        similarities = block @ units.T
        similarities.diagonal(start).fill_(-torch.inf)
        parts.append(similarities.topk(count).indices.cpu())
        progress.advance(len(block))
    return torch.cat(parts)


def draw(neighbours: Tensor, seed: int) -> Tensor:
    """Draw one neighbour of each row, uniformly: int64 [N].

    Args:
        neighbours: int64 [N, K], on the CPU.
        seed: the same one gives the same neighbours.
    """
    generator = torch.Generator().manual_seed(seed)
    places = torch.randint(neighbours.shape[1], (len(neighbours), 1), generator=generator)
    return neighbours.gather(1, places).squeeze(1)
