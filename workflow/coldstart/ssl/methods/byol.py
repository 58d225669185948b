"""Bootstrap your own latent: Grill et al. 2020, https://arxiv.org/abs/2006.07733."""

import copy
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.encoders import Byol, Head
from coldstart.ssl.backbones import Encoder
from coldstart.ssl.method import SelfSupervised


def _head(inputs: int, recipe: Head) -> nn.Sequential:
    """Linear, BatchNorm, ReLU, Linear (section 3.3)."""
    return nn.Sequential(
        nn.Linear(inputs, recipe.hidden),
        nn.BatchNorm1d(recipe.hidden),
        nn.ReLU(inplace=True),
        nn.Linear(recipe.hidden, recipe.out),
    )


class ByolModel(SelfSupervised):
    """The online network (encoder, projector, predictor) and its target (encoder, projector).

    The target starts as a copy of the online network, takes no gradient, and follows it as an
    exponential moving average.

    Args:
        recipe: sizes, and the share of the target that each step keeps.
        encoder: images to embeddings; its copy becomes the target's.
    """

    def __init__(self, recipe: Byol, encoder: Encoder) -> None:
        super().__init__()
        projector = _head(encoder.dim, recipe.projector)
        predictor = _head(recipe.projector.out, recipe.predictor)
        self.target_decay = recipe.target_decay
        self.online = nn.Sequential(
            OrderedDict(encoder=encoder, projector=projector, predictor=predictor)
        )
        self.target = copy.deepcopy(self.online[:2]).requires_grad_(False)

    @property
    def encoder(self) -> nn.Module:
        """The online encoder: what gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, view1: Tensor, view2: Tensor) -> Tensor:
        """Return each image's loss [N], in [0, 8]: equation 2, both ways round, summed.

        Each way is the squared distance of unit vectors, 2 - 2 cos(prediction, projection). Both
        views pass each network as one batch [view1; view2], which is faster than two; in training
        mode BatchNorm's statistics are therefore of both. In evaluation mode an image's loss
        depends on that image alone.

        Args:
            view1: float [N, C, H, W] in [0, 1].
            view2: as ``view1``: the same images under another draw of the augmentation.
        """
        views = torch.cat([view1, view2])
        predictions = self.online(views).float()
        with torch.no_grad():
            projections = self.target(views).float()
        other_way_round = projections.roll(len(view1), dims=0)
        cosines = functional.cosine_similarity(predictions, other_way_round)
        return 4 - 2 * cosines.view(2, -1).sum(dim=0)

    def after_step(self) -> None:
        """Let the target follow by the recipe's decay."""
        self.update_target(self.target_decay)

    @torch.no_grad()
    def update_target(self, decay: float) -> None:
        """Move the target: ``target = decay * target + (1 - decay) * online`` (equation 1).

        Args:
            decay: share of the old target that is kept, in [0, 1] (the paper's tau).
        """
        # Parameters only, as published. BatchNorm's running statistics are the target's own: in
        # training it runs in training mode, so they describe its activations and not the online
        # network's, and its losses in evaluation mode make sense.
        online = dict(self.online.named_parameters())
        target = dict(self.target.named_parameters())
        torch._foreach_lerp_(list(target.values()), [online[name] for name in target], 1 - decay)


def build(recipe: Byol, channels: int, mean: Tensor, std: Tensor) -> ByolModel:
    """Build an untrained model.

    Args:
        recipe: sizes of the networks.
        channels: channels of the images.
        mean: each channel's mean over the images, in [0, 1], float [C].
        std: its standard deviation, float [C].
    """
    return ByolModel(recipe, Encoder(recipe.backbone, channels, mean, std))
