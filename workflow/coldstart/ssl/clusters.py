"""The model of methods that cluster images."""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from coldstart.config.recipes.encoders import Clustering
from coldstart.ssl.health import cluster_health
from coldstart.ssl.method import SelfSupervised
from coldstart.training.backbones import Encoder


class ClusterModel(SelfSupervised):
    """An encoder, and a linear classifier of the clusters.

    Args:
        recipe: how many clusters.
        encoder: images to embeddings.
    """

    def __init__(self, recipe: Clustering, encoder: Encoder) -> None:
        super().__init__()
        head = nn.Linear(encoder.dim, recipe.clusters)
        self.online = nn.Sequential(OrderedDict(encoder=encoder, head=head))

    @property
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings."""
        return self.online.get_submodule("encoder")

    @property
    def clusters(self) -> nn.Module:
        """Network that gives the probabilities of the clusters."""
        return nn.Sequential(self.online, nn.Softmax(dim=1))

    def health(self, embeddings: Tensor) -> dict[str, float]:
        """Describe the clusters of images, as ``cluster_health`` does."""
        logits = self.online.get_submodule("head")(embeddings)
        return cluster_health(torch.softmax(logits.float(), dim=1).cpu().numpy())
