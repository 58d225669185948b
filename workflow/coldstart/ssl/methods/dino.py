"""Self-distillation with no labels: Caron et al. 2021, https://arxiv.org/abs/2104.14294."""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.encoders.dino import Dino
from coldstart.ssl.method import SelfSupervised
from coldstart.ssl.momentum import follow, target_decay, target_of
from coldstart.training.backbones import Encoder
from coldstart.training.distributed import total, world
from coldstart.training.heads import Unit, UnitLinear, build_head
from coldstart.training.model import Inputs

GLOBAL = 2
"""Views that the teacher sees: the first ones."""


class DinoModel(SelfSupervised):
    """The student (encoder, head), its teacher, and the centre of the teacher's outputs.

    Args:
        recipe: sizes, temperatures, and how the teacher follows.
        encoder: images to embeddings; its copy becomes the teacher's.
    """

    centre: Tensor

    def __init__(self, recipe: Dino, encoder: Encoder) -> None:
        super().__init__()
        self.recipe = recipe
        prototypes = UnitLinear(recipe.projector.widths[-1], recipe.prototypes)
        projector = build_head(encoder.dim, recipe.projector)
        head = nn.Sequential(OrderedDict(projector=projector, unit=Unit(), prototypes=prototypes))
        self.online = nn.Sequential(OrderedDict(encoder=encoder, head=head))
        self.target = target_of(self.online)
        self.register_buffer("centre", torch.zeros(recipe.prototypes))

    @property
    def encoder(self) -> nn.Module:
        """The student's encoder: what gives the embeddings."""
        return self.online.get_submodule("encoder")

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's loss [N]: equation 3, at the teacher's last temperature.

        It is the mean over all pairs of a global view and another view of the cross-entropy of the
        teacher's distribution for the one and the student's for the other. The centre is the one
        that training left; so in evaluation mode an image's loss depends on that image alone.

        Args:
            views: two or more, each float [N, C, H, W] in [0, 1]; the first two are global ones,
                local ones may be smaller.
            ids: not read.
        """
        return self._compare(views, self.recipe.teacher_temperature)[0]

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the mean of the losses, and move the centre (equation 4)."""
        prototypes = self.online.get_submodule("head.prototypes")
        assert isinstance(prototypes, UnitLinear)
        prototypes.frozen = done * self.recipe.epochs < self.recipe.frozen_epochs
        losses, outputs = self._compare(views, self.teacher_temperature(done))
        mean = total(outputs.mean(dim=0)) / world()
        self.centre.lerp_(mean.to(self.centre.dtype), 1 - self.recipe.centre_momentum)
        return losses.mean()

    def teacher_temperature(self, done: float) -> float:
        """Return the teacher's temperature: it rises linearly over the warm-up, and then stays.

        The published code raises it from epoch to epoch; here it rises from step to step.

        Args:
            done: share of the training that lies behind.
        """
        recipe = self.recipe
        if done * recipe.epochs >= recipe.teacher_warmup_epochs:
            return recipe.teacher_temperature
        risen = done * recipe.epochs / recipe.teacher_warmup_epochs
        start = recipe.teacher_temperature_start
        return start + risen * (recipe.teacher_temperature - start)

    def _compare(self, views: Sequence[Tensor], temperature: float) -> tuple[Tensor, Tensor]:
        """Each image's loss [N], and the teacher's outputs [2 N, K]."""
        with torch.no_grad():
            outputs = self.target(torch.cat(list(views[:GLOBAL]))).float()
            wanted = functional.softmax((outputs - self.centre) / temperature, dim=1)
        encoder, head = (self.online.get_submodule(name) for name in ("encoder", "head"))
        # Views of one size pass the encoder as one batch, and all of them the head.
        sizes = groupby(views, key=lambda view: view.shape)
        embeddings = torch.cat([encoder(torch.cat(list(alike))) for _, alike in sizes])
        predicted = functional.log_softmax(
            head(embeddings).float() / self.recipe.temperature, dim=1
        )
        targets, predictions = wanted.chunk(GLOBAL), predicted.chunk(len(views))
        pairs = [
            (target * prediction).sum(dim=1)
            for t, target in enumerate(targets)
            for p, prediction in enumerate(predictions)
            if t != p
        ]
        return -torch.stack(pairs).mean(dim=0), outputs

    def after_step(self, done: float) -> None:
        """Let the teacher follow."""
        follow(self.target, self.online, target_decay(self.recipe, done))


def build(recipe: Dino, inputs: Inputs) -> DinoModel:
    """Build an untrained model for such images."""
    return DinoModel(recipe, Encoder(recipe.backbone, inputs))
