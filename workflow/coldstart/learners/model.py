"""Models of learners: networks that embed an image and predict its class."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from coldstart.training.model import Trainable, drawing_layers


class LearnerModel(Trainable):
    """A network that embeds images and gives each class a logit."""

    @abstractmethod
    def logits(self, embeddings: Tensor) -> Tensor:
        """Map embeddings [N, D] to logits [N, classes]."""

    def forward(self, images: Tensor) -> Tensor:
        """Map images, uint8 [N, H, W, C] or float [N, C, H, W], to logits [N, classes]."""
        return self.logits(self.encoder(images))


class Head(nn.Sequential):
    """A linear layer on embeddings, behind dropout if there is any.

    Args:
        dim: size of an embedding.
        classes: outputs.
        dropout: share of the embedding's numbers that are dropped.
    """

    def __init__(self, dim: int, classes: int, dropout: float) -> None:
        dropped = [nn.Dropout(dropout)] if dropout else []
        super().__init__(*dropped, nn.Linear(dim, classes))


@contextmanager
def dropping(model: nn.Module) -> Iterator[None]:
    """Keep dropout active in a model that is otherwise in evaluation mode."""
    layers = drawing_layers(model)
    for layer in layers:
        layer.train()
    try:
        yield
    finally:
        for layer in layers:
            layer.eval()
