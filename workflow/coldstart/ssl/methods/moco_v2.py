"""Momentum contrast: He et al. 2020, https://arxiv.org/abs/1911.05722.

This is version 2, with an MLP as head: Chen et al. 2020, https://arxiv.org/abs/2003.04297.

MoCo shuffles a batch over its GPUs, since the statistics of a GPU's own BatchNorm would show which
key belongs to a query. Here they are of the whole batch, on one device or over all processes, as
SimCLR has them for the same reason (Chen et al. 2020, section 2.2): then all queries are normalised
alike, and so are all keys, and a shuffle would change nothing.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coldstart.config.recipes.encoders.moco_v2 import MocoV2
from coldstart.ssl.contrast import against_bank, info_nce, unit
from coldstart.ssl.method import Contrastive
from coldstart.ssl.momentum import follow, target_decay, target_of
from coldstart.ssl.queue import Queue
from coldstart.training.backbones import Encoder
from coldstart.training.heads import build_head
from coldstart.training.model import Inputs


class MocoModel(Contrastive):
    """The queries' network (encoder, projector), the keys', which follows it, and their queue.

    Args:
        recipe: sizes, temperature, and how the keys' network follows.
        encoder: images to embeddings; its copy becomes the keys'.
    """

    def __init__(self, recipe: MocoV2, encoder: Encoder) -> None:
        super().__init__()
        self.recipe = recipe
        projector = build_head(encoder.dim, recipe.projector)
        self.online = nn.Sequential(OrderedDict(encoder=encoder, projector=projector))
        self.target = target_of(self.online)
        self.queue = Queue(recipe.queue, recipe.projector.widths[-1])

    @property
    def encoder(self) -> nn.Module:
        """The queries' encoder: what gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's InfoNCE [N].

        In training mode, as published: the first view is the query, the second its key, and the
        negatives are the queue. In evaluation mode the mean of both directions, against the bank.

        Args:
            views: two, each float [N, C, H, W] in [0, 1].
            ids: of the images, int64 [N]; read in evaluation mode.
        """
        if self.training:
            return self._against_queue(views)[0]
        both = torch.cat(list(views))
        others = self.keys(both).roll(len(views[0]), dims=0)
        queries = unit(self.online(both))
        return against_bank(queries, others, self.bank, ids, self.recipe.temperature)

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the mean of the losses, and put the keys into the queue."""
        losses, keys = self._against_queue(views)
        self.queue.put(keys)
        return losses.mean()

    def _against_queue(self, views: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        first, second = views
        queries, keys = unit(self.online(first)), self.keys(second)
        return info_nce(queries, keys, self.queue.snapshot(), self.recipe.temperature), keys

    @torch.no_grad()
    def keys(self, view: Tensor) -> Tensor:
        """Return the unit projections of the keys' network [N, D], without gradient."""
        return unit(self.target(view))

    def after_step(self, done: float) -> None:
        """Let the keys' network follow (equation 2 of He et al.)."""
        follow(self.target, self.online, target_decay(self.recipe, done))


def build(recipe: MocoV2, inputs: Inputs) -> MocoModel:
    """Build an untrained model for such images."""
    return MocoModel(recipe, Encoder(recipe.backbone, inputs))
