"""Redundancy reduction: Zbontar et al. 2021, https://arxiv.org/abs/2103.03230."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from coldstart.config.recipes.encoders.barlow_twins import BarlowTwins
from coldstart.ssl.method import SelfSupervised
from coldstart.training.backbones import Encoder
from coldstart.training.distributed import total, world
from coldstart.training.heads import build_head
from coldstart.training.model import Inputs


class BarlowTwinsModel(SelfSupervised):
    """One network (encoder, projector), whose outputs are standardised over the batch.

    Args:
        recipe: sizes, and the weight of the off-diagonal entries.
        encoder: images to embeddings.
    """

    def __init__(self, recipe: BarlowTwins, encoder: Encoder) -> None:
        super().__init__()
        self.off_diagonal = recipe.off_diagonal
        projector = build_head(encoder.dim, recipe.projector)
        self.online = nn.Sequential(OrderedDict(encoder=encoder, projector=projector))
        self.standardise = nn.BatchNorm1d(recipe.projector.widths[-1], affine=False)

    @property
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        r"""Return each image's part of the loss [N].

        The loss L(C) is no sum over images: the cross-correlation C = mean_n a_n b_n^T is, of the
        standardised outputs a_n and b_n for an image's two views. So an image's part is the loss of
        a batch of that image alone, L(a_n b_n^T):

            sum_i (1 - a_ni b_ni)^2 + lambda sum_{i != j} (a_ni b_nj)^2

        In evaluation mode a_n and b_n are standardised by BatchNorm's running statistics, so that
        it depends on that image alone. L is convex, so the mean of the images' parts is an upper
        bound of the batch's loss. What lies between them is the variance of the entries,
        sum_ij w_ij Var_n(a_ni b_nj) with w_ii = 1 and lambda elsewhere: large parts are of images
        whose outputs agree worst, and of those that lie far out.

        Args:
            views: two, each float [N, C, H, W] in [0, 1].
            ids: not read.
        """
        first, second = self._outputs(views)
        products = first * second
        crossed = first.square().sum(1) * second.square().sum(1) - products.square().sum(1)
        return (1 - products).square().sum(1) + self.off_diagonal * crossed

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return equation 1: of the whole batch's cross-correlation, that of all processes."""
        first, second = self._outputs(views)
        with torch.autocast(first.device.type, enabled=False):
            correlation = total(first.T @ second) / (world() * len(first))
        diagonal = correlation.diagonal()
        crossed = correlation.square().sum() - diagonal.square().sum()
        return (1 - diagonal).square().sum() + self.off_diagonal * crossed

    def _outputs(self, views: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The standardised outputs [N, D] for each view, both passing the network as one batch."""
        first, second = self.online(torch.cat(list(views))).chunk(2)
        return self.standardise(first.float()), self.standardise(second.float())


def build(recipe: BarlowTwins, inputs: Inputs) -> BarlowTwinsModel:
    """Build an untrained model for such images."""
    return BarlowTwinsModel(recipe, Encoder(recipe.backbone, inputs))
