"""The interface of a method of self-supervised learning to the trainer and to the scores.

A method is one module of ``coldstart.ssl.methods``, named as in its recipe. One that is trained
step by step (its recipe is a ``Trained``) has ``build(recipe, inputs)``, which returns a
``SelfSupervised``; one that is made in a single go has ``fit(images, recipe, inputs, seed)``, which
returns an ``EncoderModel`` and a table of its history, and ``restore(tensors, recipe, inputs)``,
which builds an empty model for a checkpoint's tensors.

To add a method: write its recipe in ``coldstart.config.recipes.encoders`` and its module in
``coldstart.ssl.methods`` with a ``build`` as above (``simclr.py`` is the shortest to read), name a
recipe in ``workflow/recipes/encoders.yaml``, and put a small recipe of it into
``tests/helpers/cases.py``, which takes it through the tests that all methods share.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coldstart.training.images import Images
from coldstart.training.model import UNLABELLED, Batch, EncoderModel, Trainable


@dataclass(frozen=True)
class Bank:
    """Negatives that stay the same while a whole pool is scored.

    Attributes:
        keys: unit vectors, float [K, D].
        ids: which images they are of, int64 [K]: no image is its own negative.
    """

    keys: Tensor
    ids: Tensor


class SelfSupervised(Trainable):
    """A model that is trained on views of unlabelled images: its only stream."""

    @abstractmethod
    def losses(self, views: Sequence[Tensor], ids: Tensor | None = None) -> Tensor:
        """Return each image's own loss [N], by which it is scored.

        In evaluation mode it depends on that image (and the bank) alone, never on its neighbours
        in the batch.

        Args:
            views: of the same N images, each float [N, C, H, W] in [0, 1].
            ids: of the images, int64 [N]; for contrastive methods.
        """

    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the loss of the unlabelled images' views, a scalar."""
        return self.loss_of_views(batch[UNLABELLED].views, done)

    def loss_of_views(self, views: Sequence[Tensor], done: float) -> Tensor:
        """Return the loss to descend, a scalar: by default the mean of the images' losses.

        Args:
            views: as for ``losses``.
            done: share of the training that lies behind, in [0, 1).
        """
        return self.losses(views).mean()

    def go_on_from(self, start: EncoderModel) -> None:
        """Take over the weights of another encoder with the same backbone, before the first step.

        Args:
            start: the other model.
        """
        self.encoder.load_state_dict(start.encoder.state_dict())
        target = getattr(self, "target", None)  # the network that follows the trained one
        if isinstance(target, nn.Module):
            online = self.online.state_dict()
            target.load_state_dict({name: online[name] for name in target.state_dict()})

    def look_at(self, start: EncoderModel, images: Images, device: torch.device) -> None:
        """Warn where the start bodes ill for the training; nothing by default.

        Args:
            start: the other model, in evaluation mode, on the device.
            images: of the training.
            device: where to compute.
        """


class Contrastive(SelfSupervised):
    """A model for which an image's loss is against other images.

    Attributes:
        bank: negatives for ``losses``, which needs them when it scores images one by one.
    """

    bank: Bank | None = None

    @abstractmethod
    def keys(self, view: Tensor) -> Tensor:
        """Return what a bank holds of images [N, C, H, W]: unit vectors [N, D]."""
