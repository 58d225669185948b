"""The interface of a method of self-supervised learning to the trainer and to the scores.

A method is one module of ``coldstart.ssl.methods``, named as in its recipe. One that is trained
step by step (its recipe is a ``Trained``) has ``build(recipe, inputs)``, which returns a
``SelfSupervised``; one that is made in a single go has ``fit(images, recipe, inputs, seed)``, which
returns an ``EncoderModel`` and a table of its history, and ``restore(tensors, recipe, inputs)``,
which builds an empty model for a checkpoint's tensors.

To add a method: write its recipe in ``coldstart.config.encoders`` and its module in
``coldstart.ssl.methods`` with a ``build`` as above (``simclr.py`` is the shortest to read), name a
recipe in ``workflow/recipes/encoders.yaml``, and put a small recipe of it into
``tests/ssl/cases.py``, which takes it through the tests that all methods share.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coldstart.ssl.images import Images


@dataclass(frozen=True)
class Inputs:
    """Facts that a model is told of its images before it sees any.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 or 3.
        mean: each channel's mean over all pixels, in [0, 1], float [C].
        std: its standard deviation, float [C].
    """

    height: int
    width: int
    channels: int
    mean: Tensor
    std: Tensor


class EncoderModel(nn.Module, ABC):
    """A model that embeds images, and may have more to it."""

    @property
    @abstractmethod
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings: uint8 images [N, H, W, C] to float32 [N, D]."""

    @property
    def clusters(self) -> nn.Module | None:
        """Network that gives the probabilities of its clusters, float32 [N, K], if it has any."""
        return None


@dataclass(frozen=True)
class Bank:
    """Negatives that stay the same while a whole pool is scored.

    Attributes:
        keys: unit vectors, float [K, D].
        ids: which images they are of, int64 [K]: no image is its own negative.
    """

    keys: Tensor
    ids: Tensor


class Trainable(EncoderModel):
    """A model that is trained step by step.

    Attributes:
        online: the network that is trained, all of it: what a gradient norm is taken over.
    """

    online: nn.Module

    @property
    def compiled(self) -> list[nn.Module]:
        """Modules that torch compiles if a recipe asks for it: the encoders, most of the work."""
        from coldstart.ssl.backbones import Encoder  # which imports this module

        return [module for module in self.modules() if isinstance(module, Encoder)]

    def health(self, embeddings: Tensor) -> dict[str, float]:
        """Return what else of a training is worth a look after each epoch; nothing by default.

        Args:
            embeddings: of some of the images, float32 [n, D].
        """
        return {}

    def after_step(self, done: float) -> None:
        """Do what follows each step of the optimiser, such as moving a target network.

        Args:
            done: share of the training that lies behind, this step included, in (0, 1].
        """


class Supervised(Trainable):
    """A model that is trained on views of images and their labels."""

    @abstractmethod
    def supervised_loss(self, views: Sequence[Tensor], labels: Tensor, done: float) -> Tensor:
        """Return the loss to descend, a scalar.

        Args:
            views: of the same N images, each float [N, C, H, W] in [0, 1].
            labels: of the images, int64 [N].
            done: share of the training that lies behind, in [0, 1).
        """


class SelfSupervised(Trainable):
    """A model that is trained on views of unlabeled images."""

    @abstractmethod
    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's own loss [N], by which it is scored.

        In evaluation mode it depends on that image (and the bank) alone, never on its neighbours
        in the batch.

        Args:
            views: of the same N images, each float [N, C, H, W] in [0, 1].
            ids: of the images, int64 [N]; for contrastive methods.
        """

    def training_loss(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the loss to descend, a scalar: by default the mean of the images' losses.

        Args:
            views: as for ``losses``.
            done: share of the training that lies behind, in [0, 1).
        """
        return self.losses(views).mean()


class Contrastive(SelfSupervised):
    """A model for which an image's loss is against other images.

    Attributes:
        bank: negatives for ``losses``, which needs them when it scores images one by one.
    """

    bank: Bank | None = None

    @abstractmethod
    def keys(self, view: Tensor) -> Tensor:
        """Return what a bank holds of images [N, C, H, W]: unit vectors [N, D]."""


class Continuing(SelfSupervised):
    """A model whose training starts from the weights of another model of the same images."""

    @abstractmethod
    def go_on_from(self, start: EncoderModel) -> None:
        """Take over weights, before the first step.

        Args:
            start: the other model, with the same backbone.
        """

    def look_at(self, start: EncoderModel, images: Images, device: torch.device) -> None:
        """Warn where the start bodes ill for the training; nothing by default.

        Args:
            start: the other model, in evaluation mode, on the device.
            images: of the training.
            device: where to compute.
        """
