"""What a self-supervised method offers to the trainer.

A method is one module of this package, named as in its recipe, with
``build(recipe, channels, mean, std)``, which returns a model of this class.
"""

from torch import Tensor, nn


class SelfSupervised(nn.Module):
    """A model that learns from two views of each image.

    Attributes:
        online: the network that is trained, all of it: what a gradient norm is taken over.
    """

    online: nn.Module

    @property
    def encoder(self) -> nn.Module:
        """What gives the embeddings: uint8 images [N, H, W, C] to float32 [N, D]."""
        raise NotImplementedError

    def losses(self, view1: Tensor, view2: Tensor) -> Tensor:
        """Return each image's own loss [N], by which it is scored, of two views [N, C, H, W]."""
        raise NotImplementedError

    def training_loss(self, view1: Tensor, view2: Tensor) -> Tensor:
        """Return the loss to descend, a scalar, of two views [N, C, H, W] in [0, 1]."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Do what follows each step of the optimiser, such as moving a target network."""
