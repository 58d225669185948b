"""A variational classifier: Mandivarapu et al. 2022, https://arxiv.org/abs/2007.02196.

The network maps an image to the mean and the standard deviation of a Gaussian, and classifies a
code that is drawn from it. Model M2 also decodes the image from this code. The deviation is the
plain output of a linear layer, so it can be negative, as published. The published code draws codes
for scoring candidates too; here the mean is used for that, so that scores do not depend on chance.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.learners.variational import Decoder as Blocks
from coldstart.config.recipes.learners.variational import Variational
from coldstart.learners.model import LearnerModel
from coldstart.training.backbones import Encoder
from coldstart.training.backbones.wide_resnet import PreactivationBlock
from coldstart.training.model import LABELLED, Batch, Inputs
from coldstart.training.noise import Noise


class Decoder(nn.Module):
    """A convolutional decoder of codes [N, ``latent``] to logits of pixels [N, C, H, W]."""

    def __init__(self, recipe: Blocks, latent: int, inputs: Inputs) -> None:
        super().__init__()
        size = (inputs.height, inputs.width)
        half, self.first = ((-(-size[0] // by), -(-size[1] // by)) for by in (2, 4))
        self.larger = (half, size)
        self.expand = nn.Linear(latent, recipe.start * self.first[0] * self.first[1])
        self.groups = nn.ModuleList(
            nn.Sequential(
                PreactivationBlock(below, above, stride=1),
                *(PreactivationBlock(above, above, stride=1) for _ in range(1, recipe.blocks)),
            )
            for below, above in pairwise([recipe.start, *recipe.widths])
        )
        self.bn = nn.BatchNorm2d(recipe.widths[-1])
        self.pixels = nn.Conv2d(recipe.widths[-1], inputs.channels, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes [N, ``latent``] to logits [N, C, H, W]."""
        x: Tensor = self.expand(codes).view(len(codes), -1, *self.first)
        x = self.groups[0](x)
        for group, size in zip(list(self.groups)[1:], self.larger, strict=True):
            x = group(functional.interpolate(x, size))
        logits: Tensor = self.pixels(functional.relu(self.bn(x)))
        return logits


class VariationalModel(LearnerModel):
    """A backbone, linear layers for the mean, the deviation and the classes, and maybe a decoder.

    Args:
        recipe: the sizes of the layers, and the weight of the divergence.
        inputs: the shape and statistics of the images.
        classes: number of classes.
    """

    def __init__(self, recipe: Variational, inputs: Inputs, classes: int) -> None:
        super().__init__()
        self.kl_weight = recipe.kl_weight
        self.online = nn.Sequential()
        self.online.add_module("encoder", Encoder(recipe.backbone, inputs))
        self.mean = nn.Linear(recipe.dim, recipe.latent, bias=False)
        self.deviation = nn.Linear(recipe.dim, recipe.latent, bias=False)
        self.head = nn.Linear(recipe.latent, classes, bias=False)
        self.decoder = Decoder(recipe.decoder, recipe.latent, inputs) if recipe.decoder else None
        self.noise = Noise()

    @property
    def encoder(self) -> nn.Module:
        """The backbone."""
        return self.online.get_submodule("encoder")

    def logits(self, embeddings: Tensor) -> Tensor:
        """Map the backbone's embeddings [N, D] to the logits of their mean codes [N, classes]."""
        logits: Tensor = self.head(self.mean(embeddings))
        return logits

    def penultimate(self, embeddings: Tensor) -> Tensor:
        """Map the backbone's embeddings [N, D] to their mean codes [N, ``latent``]."""
        means: Tensor = self.mean(embeddings)
        return means

    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the sum of the classes' cross-entropy, the divergence and the reconstruction loss.

        The divergence is that of the code's Gaussian from the unit Gaussian, half of mean^2 +
        deviation^2 - 1 - log(deviation^2 + 1e-8), and counts ``kl_weight`` times. The
        reconstruction loss, with a decoder only, is the binary cross-entropy of pixels. Both are
        means over images and over dimensions or pixels, as published.
        """
        seen = batch[LABELLED]
        assert seen.labels is not None
        (view,) = seen.views
        features = self.encoder(view)
        mean, deviation = self.mean(features).float(), self.deviation(features).float()
        codes = mean + deviation * self.noise.like(mean, done)
        loss: Tensor = functional.cross_entropy(self.head(codes).float(), seen.labels)
        variance = deviation.square()
        divergence = (mean.square() + variance - 1 - torch.log(variance + 1e-8)).mean() / 2
        loss = loss + self.kl_weight * divergence
        if self.decoder is not None:
            pixels = self.decoder(codes).float()
            loss = loss + functional.binary_cross_entropy_with_logits(pixels, view.float())
        return loss

    def after_step(self, done: float) -> None:
        """Let the next step draw new noise."""
        self.noise.start_step()


def build(recipe: Variational, inputs: Inputs, classes: int) -> VariationalModel:
    """Build an untrained model for images of the shape in ``inputs``."""
    return VariationalModel(recipe, inputs, classes)
