"""Bootstrap your own latent: Grill et al. 2020, https://arxiv.org/abs/2006.07733."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.encoders.byol import Byol
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.momentum import follow, target_decay, target_of
from coldstart.training.backbones import Encoder
from coldstart.training.heads import build_head
from coldstart.training.model import Inputs


class ByolModel(SelfSupervised):
    """The online network (encoder, projector, predictor) and its target (encoder, projector).

    The target starts as a copy of the online network, takes no gradient, and follows it as an
    exponential moving average.

    Args:
        recipe: sizes, and how the target follows.
        encoder: images to embeddings; its copy becomes the target's.
    """

    def __init__(self, recipe: Byol, encoder: Encoder) -> None:
        super().__init__()
        projector = build_head(encoder.dim, recipe.projector)
        predictor = build_head(recipe.projector.widths[-1], recipe.predictor)
        self.recipe = recipe
        self.online = nn.Sequential(
            OrderedDict(encoder=encoder, projector=projector, predictor=predictor)
        )
        self.target = target_of(self.online[:2])

    @property
    def encoder(self) -> nn.Module:
        """The online encoder: what gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's loss [N], in [0, 8]: equation 2, both ways round, summed.

        Each way is the squared distance of unit vectors, 2 - 2 cos(prediction, projection). Both
        views pass each network as one batch [view1; view2], which is faster than two; in training
        mode BatchNorm's statistics are therefore of both. In evaluation mode an image's loss
        depends on that image alone.

        Args:
            views: two, each float [N, C, H, W] in [0, 1].
            ids: not read.
        """
        both = torch.cat(list(views))
        predictions = self.online(both).float()
        with torch.no_grad():
            projections = self.target(both).float()
        other_way_round = projections.roll(len(views[0]), dims=0)
        cosines = functional.cosine_similarity(predictions, other_way_round)
        return 4 - 2 * cosines.view(2, -1).sum(dim=0)

    def after_step(self, done: float) -> None:
        """Let the target follow (equation 1)."""
        follow(self.target, self.online, target_decay(self.recipe, done))


def build(recipe: Byol, inputs: Inputs) -> ByolModel:
    """Build an untrained model for such images."""
    return ByolModel(recipe, Encoder(recipe.backbone, inputs))
