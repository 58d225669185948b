"""VAAL: variational adversarial active learning (Sinha et al. 2019, https://arxiv.org/abs/1904.00370).

An autoencoder makes the codes of labelled images and of others alike, a discriminator tells them
apart, and those are labelled next that look least like a labelled one. No label is read. From the
published code (https://github.com/sinhasam/vaal) this differs by default, and why:

- The divergence from the prior has the squared error's scale (``kl_scale``). As published it is a
  sum over all images and dimensions beside a mean over pixels: 3,072 times the weight of an
  evidence bound, at which codes say nothing of their images.
- Labelled images and others pass as one batch (``batches``), so that BatchNorm's statistics are the
  same for both and those of a score's. As published each has its own, and so have the images that
  are scored, in training mode.
- The discriminator gives logits, of which neither loss overflows.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from coldstart.config.recipes.backbones.dcgan import Dcgan as Convolutions
from coldstart.config.recipes.learners.vaal import Vaal
from coldstart.data.read import read_ids
from coldstart.learners.beside import Beside, without_label
from coldstart.learners.labels import Bought
from coldstart.learners.model import ScoringModel
from coldstart.running.job import Job
from coldstart.training.backbones import Normalize, build_backbone, unit_images
from coldstart.training.backbones.dcgan import Dcgan
from coldstart.training.images import Images
from coldstart.training.model import LABELLED, UNLABELLED, Batch, Inputs, Phase
from coldstart.training.noise import Noise


class Decoder(nn.Module):
    """Codes [N, ``latent``] to images [N, C, H, W], their channels scaled as the encoder's input.

    Args:
        recipe: the encoder's convolutions, which are gone through backwards.
        inputs: what is known of the images.
    """

    def __init__(self, recipe: Convolutions, inputs: Inputs) -> None:
        super().__init__()
        # From one size above the encoder's last, as published, back to the image's.
        *sizes, self.start, _ = recipe.sizes(inputs.height, inputs.width)
        self.expand = nn.Linear(recipe.latent, recipe.widths[-1] * math.prod(self.start))
        sizes = [self.start, *sizes[::-1]]
        stages = zip(pairwise(recipe.widths[::-1]), pairwise(sizes), strict=True)
        layers: list[nn.Module] = []
        for (below, above), (small, large) in stages:
            odd = (large[0] - 2 * small[0], large[1] - 2 * small[1])
            layers.append(
                nn.ConvTranspose2d(
                    below, above, 4, stride=2, padding=1, output_padding=odd, bias=False
                )
            )
            layers += [nn.BatchNorm2d(above), nn.ReLU(inplace=True)]
        self.stages = nn.Sequential(*layers)
        self.pixels = nn.Conv2d(recipe.widths[0], inputs.channels, 1)
        nn.init.kaiming_normal_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes [N, ``latent``] to images [N, C, H, W]."""
        decoded: Tensor = self.stages(self.expand(codes).view(len(codes), -1, *self.start))
        return cast(Tensor, self.pixels(decoded))


class Convolving(nn.Module):
    """Images to the features of which a code's mean and variance are linear functions.

    Takes uint8 [N, H, W, C], as images are stored, or float [N, C, H, W] in [-1, 1].
    """

    def __init__(self, recipe: Convolutions, inputs: Inputs) -> None:
        super().__init__()
        half = torch.full((inputs.channels,), 0.5)  # pixels in [-1, 1], as published
        self.normalize = Normalize(half, half)
        network = build_backbone(recipe, inputs.height, inputs.width, inputs.channels)
        self.backbone = cast(Dcgan, network)

    def forward(self, images: Tensor) -> Tensor:
        """Map either kind of images to features [N, D]."""
        if images.dtype == torch.uint8:
            images = self.normalize(unit_images(images))
        return self.backbone.features(images)


class Autoencoder(nn.Module):
    """The encoder, the layer beside its latent one, and the decoder."""

    def __init__(self, recipe: Convolutions, inputs: Inputs) -> None:
        super().__init__()
        self.features = Convolving(recipe, inputs)
        self.log_variance = nn.Linear(recipe.flat(inputs.height, inputs.width), recipe.latent)
        self.decoder = Decoder(recipe, inputs)

    def mean(self, features: Tensor) -> Tensor:
        """Map features to the means of codes [N, ``latent``]."""
        means: Tensor = self.features.backbone.latent(features)
        return means


class VaalModel(ScoringModel):
    """An autoencoder, and a discriminator of its codes.

    Args:
        recipe: sizes, weights and the moves of a step.
        inputs: what is known of the images.
    """

    online: Autoencoder

    def __init__(self, recipe: Vaal, inputs: Inputs) -> None:
        super().__init__()
        self.recipe = recipe
        self.online = Autoencoder(recipe.backbone, inputs)
        layers: list[nn.Module] = []
        for below, above in pairwise([recipe.dim, *recipe.hidden]):
            layers += [nn.Linear(below, above), nn.ReLU(inplace=True)]
        self.discriminator = nn.Sequential(*layers, nn.Linear(recipe.hidden[-1], 1))
        for layer in self.discriminator:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
        numbers = inputs.height * inputs.width * inputs.channels
        self.per_image = recipe.kl_weight / numbers
        self.noise = Noise()

    @property
    def encoder(self) -> nn.Module:
        """Images to the features of the convolutions.

        Not to the codes: the game moves all of these to one side, which looks like a collapse.
        """
        return self.online.features

    @property
    def compiled(self) -> list[nn.Module]:
        """The convolutions and the decoder: a training does not call the encoder as a whole."""
        return [self.online.features.backbone.convolutions, self.online.decoder]

    def moved(self) -> Mapping[str, nn.Module]:
        """Return the part that each optimiser moves."""
        return {"optimizer": self.online, "discriminator": self.discriminator}

    def phases(self) -> Sequence[Phase]:
        """Return the autoencoder's moves, and the discriminator's (algorithm 1)."""
        vae = [
            Phase(f"vae_{move}", self.training_loss, fresh=move > 0)
            for move in range(self.recipe.vae_steps)
        ]
        discriminator = [
            Phase(
                "discriminator" + (f"_{move}" if move else ""),
                self.discriminator_loss,
                "discriminator",
                fresh=move > 0,
            )
            for move in range(self.recipe.discriminator_steps)
        ]
        return vae + discriminator

    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the autoencoder's loss: equations 1 and 2, weighted.

        The sum over both kinds of images of the mean squared error, the weighted divergence, and
        the weighted cross-entropy of the discriminator with the answer that all are labelled.
        """
        loss = torch.zeros(())
        for images, features in self._features(batch):
            mean = self.online.mean(features).float()
            log_variance = self.online.log_variance(features).float()
            codes = mean + (log_variance / 2).exp() * self.noise.like(mean, done)
            error = (self.online.decoder(codes).float() - images).square().mean()
            fooled = softplus(-self.discriminator(mean).float()).mean()
            loss = loss.to(error) + error + self._divergence(mean, log_variance)
            loss = loss + self.recipe.adversary_weight * fooled
        return loss

    def discriminator_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the discriminator's cross-entropy, labelled images as 1, others as 0 (eq. 3)."""
        with torch.no_grad():
            others, known = (self.online.mean(features) for _, features in self._features(batch))
        return (
            softplus(-self.discriminator(known).float()).mean()
            + softplus(self.discriminator(others).float()).mean()
        )

    def scores(self, embeddings: Tensor) -> Tensor:
        """Map features [N, D] to the probabilities that images are labelled, float64 [N]."""
        logits: Tensor = self.discriminator(self.online.mean(embeddings))[:, 0]
        return torch.sigmoid(logits.double())

    def health(self, embeddings: Tensor) -> dict[str, float]:
        """Return the mean size of a code's numbers: near nought, codes say nothing of images."""
        return {"code_size": float(self.online.mean(embeddings).abs().mean())}

    def after_step(self, done: float) -> None:
        """Start the noise of the next step."""
        self.noise.start_step()

    def _features(self, batch: Batch) -> list[tuple[Tensor, Tensor]]:
        """Return images scaled to [-1, 1] and their features: of unlabelled ones, of labelled."""
        encoder = self.online.features
        images = [encoder.normalize(batch[name].views[0]) for name in (UNLABELLED, LABELLED)]
        if self.recipe.batches == "apart":
            return [(some, encoder(some)) for some in images]
        features = encoder(torch.cat(images))
        others = len(images[0])
        return list(zip(images, (features[:others], features[others:]), strict=True))

    def _divergence(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Return the weighted divergence of the codes' Gaussians from the unit one."""
        each = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        if self.recipe.kl_scale == "as-published":
            return self.recipe.kl_weight * each.sum()
        return self.per_image * each.mean()


def beside(job: Job, recipe: Vaal, bought: Bought, pool: Images, seed: int) -> Beside:
    """Return the candidates without a label: those that are to be told apart, and picked from."""
    candidates = Images(pool.array, read_ids(job.inputs["index"], "candidates"))
    return Beside(Images(pool.array, without_label(bought, candidates)))


def build(recipe: Vaal, inputs: Inputs, classes: int) -> VaalModel:
    """Build an untrained model for such images; classes do not matter."""
    return VaalModel(recipe, inputs)
