"""Contrastive learning of representations: Chen et al. 2020, https://arxiv.org/abs/2002.05709."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coldstart.config.recipes.encoders.simclr import SimClr
from coldstart.ssl.contrast import against_bank, nt_xent, unit
from coldstart.ssl.method import Contrastive
from coldstart.training.backbones import Encoder
from coldstart.training.heads import build_head
from coldstart.training.model import Inputs


class SimClrModel(Contrastive):
    """One network (encoder, projector) that sees both views.

    Args:
        recipe: sizes and temperature.
        encoder: images to embeddings.
    """

    def __init__(self, recipe: SimClr, encoder: Encoder) -> None:
        super().__init__()
        self.temperature = recipe.temperature
        projector = build_head(encoder.dim, recipe.projector)
        self.online = nn.Sequential(OrderedDict(encoder=encoder, projector=projector))

    @property
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's NT-Xent [N], the mean of its two directions.

        In training mode the negatives are the other images of the batch, of all processes; in
        evaluation mode they are the bank. Both views pass the network as one batch.

        Args:
            views: two, each float [N, C, H, W] in [0, 1].
            ids: of the images, int64 [N]; read in evaluation mode.
        """
        projections = self.keys(torch.cat(list(views)))
        if self.training:
            first, second = projections.chunk(2)
            return nt_xent(first, second, self.temperature)
        others = projections.roll(len(views[0]), dims=0)
        return against_bank(projections, others, self.bank, ids, self.temperature)

    def keys(self, view: Tensor) -> Tensor:
        """Return the images' unit projections [N, D]."""
        return unit(self.online(view))


def build(recipe: SimClr, inputs: Inputs) -> SimClrModel:
    """Build an untrained model for such images."""
    return SimClrModel(recipe, Encoder(recipe.backbone, inputs))
