"""What a self-supervised method offers to the trainer.

A method is one module of this package, named as in its recipe, with
``build(recipe, channels, mean, std)``, which returns a model of this class.
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class SelfSupervised(nn.Module, ABC):
    """A model that learns from two views of each image.

    Attributes:
        online: the network that is trained, all of it: what a gradient norm is taken over.
    """

    online: nn.Module

    @property
    @abstractmethod
    def encoder(self) -> nn.Module:
        """What gives the embeddings: uint8 images [N, H, W, C] to float32 [N, D]."""

    @abstractmethod
    def losses(self, view1: Tensor, view2: Tensor) -> Tensor:
        """Return each image's own loss [N], by which it is scored, of two views [N, C, H, W]."""

    def training_loss(self, view1: Tensor, view2: Tensor) -> Tensor:
        """Return the loss to descend, a scalar: the mean of the images' losses."""
        return self.losses(view1, view2).mean()

    def after_step(self) -> None:
        """Do what follows each step of the optimiser, such as moving a target network."""
