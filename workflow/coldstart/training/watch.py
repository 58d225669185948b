"""Detection of collapse during a training, without labels."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from coldstart.training.images import Images
from coldstart.training.model import Trainable

SAMPLE = (128, 512)
"""Least and largest number of images that are embedded after each epoch. Between the two it is a
quarter of all images, which costs about 4 % of a training's time."""
BATCH = 128

LEAST = 0.03
"""Spread below which embeddings count as collapsed, relative to that of random directions. At this
spread all vectors lie within some two degrees of their mean. Small trainings of every method
measured 0.1 or more once they had settled; BYOL without predictor and moving average fell below
this number within a few epochs, and stayed there."""
PATIENCE = 3
"""Number of collapsed epochs in a row that end a training, if they have ``SETTLED`` steps together:
some trainings are nearly collapsed at the start and recover."""
SETTLED = 50
"""Number of steps before which no training counts as collapsed. Embeddings are computed with
BatchNorm's running statistics, which still contain their initial values until then (0.9 to the
50th: 0.5 %)."""
ALONE = 0.05
"""Entropy of the clusters' sizes, in nats, below which almost all images are in one cluster: with
99 % of them in one and the rest in another it is 0.056."""


@dataclass(frozen=True)
class Spread:
    """Spread of vectors, one for each image of a sample.

    Attributes:
        std: standard deviation of each dimension of the vectors at unit length, averaged over
            dimensions; 1 / sqrt(D) for uniformly distributed directions, 0 for a single one.
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
    """Measurements of a training after an epoch.

    Attributes:
        embeddings: their spread.
        projections: their spread, if there is a projector.
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
    """Return evenly spaced images of the data set, the same each time: uint8 [n, H, W, C]."""
    least, most = SAMPLE
    count = min(max(least, len(images) // 4), most, len(images))
    return torch.from_numpy(images[np.arange(count) * len(images) // count])


@torch.no_grad()
def look(model: Trainable, images: Tensor, device: torch.device) -> Look:
    """Measure the spread of embeddings, and of their projections.

    If a loss is computed from projections, these can collapse while the embeddings do not; then the
    encoder learns no more. Both are computed in evaluation mode and in float32.

    Args:
        model: in training mode, to which it returns. If its trained network has a part named
            ``projector``, that maps embeddings to projections.
        images: uint8 [n, H, W, C], on any device.
        device: where the model is.
    """
    found = dict(model.online.named_modules())
    projector = next((found[name] for name in found if name.endswith("projector")), None)
    model.eval()
    # ``forward`` is called directly: a compiled encoder would be compiled again for this mode.
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
