"""Watching a training without labels: how much its embeddings still tell images apart."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from coldstart.training.images import Images
from coldstart.training.model import Trainable

SAMPLE = (128, 512)
"""The fewest and the most images whose embeddings are looked at after each epoch; between, a
quarter of all, which costs some 4 % of a training's time."""
BATCH = 128

LEAST = 0.03
"""The least spread, as a share of that of directions at random: all vectors within some two degrees
of their mean direction. Small trainings of every method measured 0.1 or more once they had settled;
BYOL without predictor and moving average fell below it within epochs, and stayed there."""
PATIENCE = 3
"""Epochs in a row with less, of ``SETTLED`` steps together or more: some trainings come near it at
the start and recover."""
SETTLED = 50
"""Steps before which nothing is made of it: until then BatchNorm's running statistics, by which
embeddings are computed here, are partly those of no images at all (0.9 to the 50th: 0.5 %)."""
ALONE = 0.05
"""Entropy of the clusters' sizes, in nats, below which one cluster has as good as all images: with
99 % of them in one and the rest in another it is 0.056."""


@dataclass(frozen=True)
class Spread:
    """Spread of vectors, one for each image of a sample.

    Attributes:
        std: standard deviation of each dimension of the vectors at unit length, averaged over
            dimensions; 1 / sqrt(D) where they point everywhere alike, nought where they are one.
        rank: effective rank of the vectors: exp of the entropy of their singular values, which are
            scaled to sum to one (Roy and Vetterli 2007). From 1 to D.
        dim: D, the size of a vector.
    """

    std: float
    rank: float
    dim: int

    @property
    def is_finite(self) -> bool:
        """True if the numbers are finite."""
        return math.isfinite(self.std) and math.isfinite(self.rank)

    @property
    def is_flat(self) -> bool:
        """True if the vectors of all images are almost identical (collapse)."""
        return self.std * math.sqrt(self.dim) < LEAST


@dataclass(frozen=True)
class Look:
    """A look at a training after an epoch.

    Attributes:
        embeddings: how far apart they lie.
        projections: likewise, where there is a projector.
        more: the model's ``health``.
    """

    embeddings: Spread
    projections: Spread | None
    more: dict[str, float]

    @property
    def _spreads(self) -> dict[str, Spread]:
        found = {"embedding": self.embeddings, "projection": self.projections}
        return {name: spread for name, spread in found.items() if spread is not None}

    @property
    def is_finite(self) -> bool:
        """True if all embeddings and projections are finite."""
        return all(spread.is_finite for spread in self._spreads.values())

    @property
    def alike(self) -> str | None:
        """Name of what is almost identical for all images; ``None`` for a healthy training."""
        for name, spread in self._spreads.items():
            if spread.is_flat:
                return (
                    f"almost the same {name} (standard deviation {spread.std:.2g} at unit length, "
                    f"where {spread.dim} dimensions allow {spread.dim**-0.5:.2g}; effective rank "
                    f"{spread.rank:.2f})"
                )
        entropy = self.more.get("size_entropy", math.inf)
        return f"the same cluster (entropy of sizes {entropy:.2g})" if entropy < ALONE else None

    @property
    def row(self) -> dict[str, float]:
        """Columns that a history keeps."""
        return {
            "embedding_std": self.embeddings.std,
            "effective_rank": self.embeddings.rank,
            "projection_std": self.projections.std if self.projections else math.nan,
            **self.more,
        }


def sample(images: Images) -> Tensor:
    """Images from all over the data set, the same each time: uint8 [n, H, W, C]."""
    least, most = SAMPLE
    count = min(max(least, len(images) // 4), most, len(images))
    return torch.from_numpy(images[np.arange(count) * len(images) // count])


@torch.no_grad()
def look(model: Trainable, images: Tensor, device: torch.device) -> Look:
    """Say how far apart embeddings lie, and what becomes of them in the projector.

    A loss that is on projections can let them become one while the embeddings stay apart, which
    then learn no more. Both are computed in evaluation mode and in float32.

    Args:
        model: in training mode, and so it is afterwards. A part of its trained network that is
            named ``projector`` maps embeddings on.
        images: uint8 [n, H, W, C], anywhere.
        device: where the model is.
    """
    found = dict(model.online.named_modules())
    projector = next((found[name] for name in found if name.endswith("projector")), None)
    model.eval()
    # The encoder is not called: a training may have compiled it, and this is not worth another.
    parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    embeddings = torch.cat([model.encoder.forward(part.to(device)) for part in parts])
    projections = None if projector is None else spread(projector(embeddings))
    more = model.health(embeddings)
    model.train()
    return Look(spread(embeddings), projections, more)


def spread(vectors: Tensor) -> Spread:
    """Describe vectors [n, D]."""
    vectors = vectors.cpu().double()
    dim = vectors.shape[1]
    if not vectors.isfinite().all():
        return Spread(math.nan, math.nan, dim)
    std = functional.normalize(vectors).std(0, correction=0).mean()
    values = torch.linalg.svdvals(vectors)
    shares = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    entropy = -torch.special.xlogy(shares, shares).sum()
    return Spread(float(std), float(entropy.exp()), dim)
