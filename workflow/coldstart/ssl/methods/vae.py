"""Variational autoencoder: Kingma & Welling 2014, https://arxiv.org/abs/1312.6114.

The encoder is the recipe's convolutions, whose latent layer gives the mean of a Gaussian code; the
decoder mirrors them. Deviations from the usual code, and why:

- The decoder enlarges by nearest neighbours and convolves, where transposed convolutions are usual:
  every size of images works, and pixels are covered evenly.
- It ends in a sigmoid, whose range is the pixels', [0, 1], so that every image can be reached. A
  tanh is the same function of pixels scaled to [-1, 1], where squared errors are four times as
  large; on pixels that are normalised by mean and deviation it could not reach the brightest.
- All images are trained on, to the last epoch. Keeping some aside to choose the best epoch by would
  leave these with reconstruction errors of another kind than the rest, and the errors are scores.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from coldstart.config.recipes.backbones.convs import Convs as Convolutions
from coldstart.config.recipes.encoders.vae import Vae
from coldstart.ssl.method import SelfSupervised
from coldstart.training.backbones import Encoder
from coldstart.training.backbones.convs import Convs
from coldstart.training.model import Inputs
from coldstart.training.noise import Noise


class Decoder(nn.Module):
    """Codes [N, ``latent``] to images [N, C, H, W] in [0, 1].

    Args:
        recipe: the encoder's convolutions, which are gone through backwards.
        inputs: what is known of the images.
    """

    def __init__(self, recipe: Convolutions, inputs: Inputs) -> None:
        super().__init__()
        height, width = inputs.height, inputs.width
        self.sizes = recipe.sizes(height, width)[::-1]
        self.expand = nn.Linear(recipe.latent, recipe.flat(height, width))
        widths = [*recipe.widths[::-1], recipe.widths[0]]
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(below, above, 3, padding=1, bias=False),
                nn.BatchNorm2d(above),
                nn.LeakyReLU(inplace=True),
            )
            for below, above in pairwise(widths)
        )
        self.pixels = nn.Conv2d(widths[-1], inputs.channels, 3, padding=1)

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes [N, ``latent``] to images [N, C, H, W]."""
        start, *larger = self.sizes
        x = self.expand(codes).view(len(codes), -1, *start)
        for stage, size in zip(self.stages, larger, strict=True):
            x = stage(functional.interpolate(x, size))
        return torch.sigmoid(self.pixels(x))


class Autoencoder(nn.Module):
    """The trained parts: the encoder, the layer beside its latent one, and the decoder."""

    def __init__(self, recipe: Convolutions, inputs: Inputs) -> None:
        super().__init__()
        self.encoder = Encoder(recipe, inputs)
        self.log_variance = nn.Linear(recipe.flat(inputs.height, inputs.width), recipe.latent)
        self.decoder = Decoder(recipe, inputs)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to what both layers of the code see."""
        return self._convs.features(self.encoder.normalize(images))

    def mean(self, features: Tensor) -> Tensor:
        """Map features to the means of the codes [N, ``latent``], which are the embeddings."""
        means: Tensor = self._convs.latent(features)
        return means

    @property
    def _convs(self) -> Convs:
        return cast(Convs, self.encoder.backbone)


class VaeModel(SelfSupervised):
    """An autoencoder whose codes are drawn from Gaussians that are kept close to the unit one.

    Args:
        recipe: sizes, and the weight of the divergence.
        inputs: what is known of the images.
    """

    online: Autoencoder

    def __init__(self, recipe: Vae, inputs: Inputs) -> None:
        super().__init__()
        self.online = Autoencoder(recipe.backbone, inputs)
        self.kl_weight = recipe.kl_weight
        self.noise = Noise()

    @property
    def encoder(self) -> nn.Module:
        """Images to the means of their codes."""
        return self.online.encoder

    @property
    def compiled(self) -> list[nn.Module]:
        """The convolutions and the decoder: a training does not call the encoder as a whole."""
        return [cast(Convs, self.online.encoder.backbone).convolutions, self.online.decoder]

    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's reconstruction error [N] from the mean of its code, in [0, 1].

        It is the mean squared error over pixels and channels; the divergence is no part of it.

        Args:
            views: one, or several to take the mean over, each float [N, C, H, W] in [0, 1].
            ids: not read.
        """
        images = torch.cat(list(views))
        errors = self._errors(images, self.encoder(images))
        return errors.view(len(views), -1).mean(0)

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the mean squared error from codes that were drawn, and the weighted divergence.

        The divergence is that of an image's Gaussian from the unit one, summed over the code's
        dimensions (appendix B): half the sum of mean^2 + variance - 1 - log variance.

        Args:
            views: one, float [N, C, H, W] in [0, 1].
            done: share of the training that lies behind.
        """
        (view,) = views
        features = self.online.features(view)
        mean = self.online.mean(features).float()
        log_variance = self.online.log_variance(features).float()
        noise = self.noise.like(mean, done)
        errors = self._errors(view, mean + (log_variance / 2).exp() * noise)
        divergences = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        loss: Tensor = (errors + self.kl_weight * divergences).mean()
        return loss

    def after_step(self, done: float) -> None:
        """Start the noise of the next step."""
        self.noise.start_step()

    def _errors(self, images: Tensor, codes: Tensor) -> Tensor:
        decoded: Tensor = self.online.decoder(codes)
        errors: Tensor = (decoded.float() - images).square().flatten(1).mean(1)
        return errors


def build(recipe: Vae, inputs: Inputs) -> VaeModel:
    """Build an untrained model for such images."""
    return VaeModel(recipe, inputs)
