"""Semantic clustering by adopting nearest neighbours: Van Gansbeke et al. 2020, section 2.2.

https://arxiv.org/abs/2005.12320. An image and its nearest neighbours, by the embeddings of an
encoder that was there before, are to fall into the same cluster, and all clusters are to be used.
The neighbours are found once, when a training starts; of each image one is drawn anew in every
epoch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from coldstart.config.recipes.encoders.scan import Scan
from coldstart.ssl.clusters import ClusterModel
from coldstart.training.backbones import Encoder
from coldstart.training.distributed import total, world
from coldstart.training.model import Inputs


class ScanModel(ClusterModel):
    """An encoder that goes on from another one's weights, and a new classifier of the clusters.

    Args:
        recipe: how many clusters, and the weight of the entropy.
        encoder: images to embeddings.
    """

    def __init__(self, recipe: Scan, encoder: Encoder) -> None:
        super().__init__(recipe, encoder)
        self.entropy_weight = recipe.entropy_weight

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return the first term of equation 2 for each image [N].

        It is -log of the probability that both views fall into the same cluster, if each is drawn
        from its own prediction. Both views pass the network as one batch.

        Args:
            views: two, each float [N, C, H, W] in [0, 1]: of the images and of a neighbour of each,
                or of the same images, where they are scored.
            ids: not read.
        """
        return _disagreement(*self._logs(views))

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return equation 2: the mean of the losses less the mean prediction's weighted entropy.

        The mean prediction is over the images of the whole batch, without their neighbours.
        """
        anchors, neighbours = self._logs(views)
        mean = total(anchors.exp().mean(dim=0)) / world()
        # The logarithm of an empty cluster's share, and its gradient, stay finite.
        logs = mean.clamp(min=torch.finfo(mean.dtype).tiny).log()
        entropy = -(mean * logs).sum()
        return _disagreement(anchors, neighbours).mean() - self.entropy_weight * entropy

    def _logs(self, views: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logarithms of the clusters' probabilities for each view, float32 [N, K]."""
        logits = self.online(torch.cat(list(views)))
        anchors, neighbours = functional.log_softmax(logits.float(), dim=1).chunk(2)
        return anchors, neighbours


def _disagreement(one: Tensor, other: Tensor) -> Tensor:
    """-log <p, q> [N] from the logarithms of p and q, [N, K]."""
    return -torch.logsumexp(one + other, dim=1)


def build(recipe: Scan, inputs: Inputs) -> ScanModel:
    """Build an untrained model for such images."""
    return ScanModel(recipe, Encoder(recipe.backbone, inputs))
