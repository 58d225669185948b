"""Rotation prediction (RotNet): Gidaris et al. 2018, https://arxiv.org/abs/1803.07728."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.encoders.rotation import Rotation
from coldstart.ssl.method import SelfSupervised
from coldstart.training.backbones import Encoder
from coldstart.training.model import Inputs

TURNS = 4


class RotationModel(SelfSupervised):
    """An encoder, and a linear classifier of the quarter turns by which an image was rotated.

    Args:
        encoder: images to embeddings.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        classifier = nn.Linear(encoder.dim, TURNS)
        self.online = nn.Sequential(OrderedDict(encoder=encoder, classifier=classifier))

    @property
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's loss [N]: the mean cross-entropy over its four rotations.

        All rotations of all images pass as one batch, as section 3.1 of the paper finds best. In
        evaluation mode an image's loss depends on that image alone.

        Args:
            views: one, or several to take the mean over, each float [N, C, S, S] in [0, 1].
            ids: not read.

        Raises:
            ColdstartError: the views are not square, so that their turns have two shapes.
        """
        height, width = views[0].shape[-2:]
        if height != width:
            raise ColdstartError(
                f"rotation: a view has {height} x {width} pixels, and a quarter turn needs a square"
            )
        images = torch.cat(list(views))
        rotated = torch.cat([images.rot90(turns, (2, 3)) for turns in range(TURNS)])
        logits = self.online(rotated.contiguous(memory_format=torch.channels_last)).float()
        turns = torch.arange(TURNS, device=images.device).repeat_interleave(len(images))
        entropies = functional.cross_entropy(logits, turns, reduction="none")
        return entropies.view(-1, len(views[0])).mean(0)


def build(recipe: Rotation, inputs: Inputs) -> RotationModel:
    """Build an untrained model for such images."""
    return RotationModel(Encoder(recipe.backbone, inputs))
