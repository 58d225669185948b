"""MoCo's queues with BYOL's asymmetry: Xie et al. 2021, https://arxiv.org/abs/2105.04553.

Its different rates of dropped paths for the two networks are for transformers and have no place
here. MoBYv2AL is this with heads of one layer.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coldstart.config.recipes.encoders.moby import Moby
from coldstart.ssl.contrast import against_bank, info_nce, unit
from coldstart.ssl.method import Contrastive
from coldstart.ssl.momentum import follow, target_decay, target_of
from coldstart.ssl.queue import Queue
from coldstart.training.backbones import Encoder
from coldstart.training.heads import build_head
from coldstart.training.model import Inputs


class MobyModel(Contrastive):
    """The online network (encoder, projector, predictor), its target, and a queue for each view.

    Args:
        recipe: sizes, temperature, and how the target follows.
        encoder: images to embeddings; its copy becomes the target's.
    """

    def __init__(self, recipe: Moby, encoder: Encoder) -> None:
        super().__init__()
        self.recipe = recipe
        projector = build_head(encoder.dim, recipe.projector) if recipe.projector else None
        predictor = build_head(recipe.projected, recipe.predictor) if recipe.predictor else None
        self.online = nn.Sequential(
            OrderedDict(
                encoder=encoder,
                projector=projector or nn.Identity(),
                predictor=predictor or nn.Identity(),
            )
        )
        self.target = target_of(self.online[:2])
        self.queues = nn.ModuleList(Queue(recipe.queue, recipe.projected) for _ in range(2))

    @property
    def encoder(self) -> nn.Module:
        """The online encoder: what gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's InfoNCE [N].

        In training mode the sum of both directions, as published: each view's keys against the
        queue of that view. In evaluation mode the mean of both directions, against the bank. Both
        views pass each network as one batch.

        Args:
            views: two, each float [N, C, H, W] in [0, 1].
            ids: of the images, int64 [N]; read in evaluation mode.
        """
        if self.training:
            return self._against_queues(views)[0]
        both = torch.cat(list(views))
        others = self.keys(both).roll(len(views[0]), dims=0)
        queries = unit(self.online(both))
        return against_bank(queries, others, self.bank, ids, self.recipe.temperature)

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the mean of the losses, and put the keys into the queues of their views."""
        losses, keys = self._against_queues(views)
        for queue, of_view in zip(self._queues, keys, strict=True):
            queue.put(of_view)
        return losses.mean()

    @property
    def _queues(self) -> list[Queue]:
        return [queue for queue in self.queues if isinstance(queue, Queue)]

    def _against_queues(self, views: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
        both = torch.cat(list(views))
        queries = unit(self.online(both)).chunk(2)
        keys = self.keys(both).chunk(2)
        losses = [
            info_nce(queries[1 - view], keys[view], queue.snapshot(), self.recipe.temperature)
            for view, queue in enumerate(self._queues)
        ]
        return losses[0] + losses[1], keys

    @torch.no_grad()
    def keys(self, view: Tensor) -> Tensor:
        """Return the target's unit projections [N, D], without gradient."""
        return unit(self.target(view))

    def after_step(self, done: float) -> None:
        """Let the target follow."""
        follow(self.target, self.online, target_decay(self.recipe, done))


def build(recipe: Moby, inputs: Inputs) -> MobyModel:
    """Build an untrained model for such images."""
    return MobyModel(recipe, Encoder(recipe.backbone, inputs))
