"""Models of learners: networks that embed an image, and predict its class or give it a score."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from coldstart.config.recipes.learners.base import Network
from coldstart.training.heads import build_head
from coldstart.training.model import Trainable, drawing_layers


class LearnerModel(Trainable):
    """A network that embeds images and gives each class a logit."""

    @abstractmethod
    def logits(self, embeddings: Tensor) -> Tensor:
        """Map the encoder's embeddings [N, D] to logits [N, classes]."""

    def penultimate(self, embeddings: Tensor) -> Tensor:
        """Map the encoder's embeddings [N, D] to the input of the last layer, without dropout.

        Samplers see these as the learner's embeddings. By default they are the encoder's own.
        """
        return embeddings

    def forward(self, images: Tensor) -> Tensor:
        """Map images, uint8 [N, H, W, C] or float [N, C, H, W], to logits [N, classes]."""
        return self.logits(self.encoder(images))


class ScoringModel(Trainable):
    """A network that embeds images and gives each a score, by which a sampler can ask for it."""

    @abstractmethod
    def scores(self, embeddings: Tensor) -> Tensor:
        """Map embeddings [N, D] to scores, float64 [N]."""


class LossScoring(ABC):
    """A network that gives each image a loss without any label, by which a sampler can ask."""

    @abstractmethod
    def image_losses(
        self, images: NDArray[np.uint8], ids: NDArray[np.int64], seed: int
    ) -> NDArray[np.float64]:
        """Return each image's loss, float64 [n], in evaluation mode.

        Args:
            images: uint8 [n, H, W, C].
            ids: of the images, int64 [n].
            seed: of the views, and of negatives if there are any.
        """


class Head(nn.Sequential):
    """A linear layer on a backbone's embeddings, behind dropout and a projection if it has them.

    Args:
        recipe: which of these it has.
        classes: outputs.
    """

    def __init__(self, recipe: Network, classes: int) -> None:
        layers: list[nn.Module] = [nn.Dropout(recipe.dropout)] if recipe.dropout else []
        dim = recipe.dim
        if recipe.projection is not None:
            layers.append(build_head(dim, recipe.projection))
            dim = recipe.projection.widths[-1]
        super().__init__(*layers, nn.Linear(dim, classes))

    def penultimate(self, embeddings: Tensor) -> Tensor:
        """Map a backbone's embeddings [N, D] to the input of the linear layer, without dropout."""
        projection = self[-2] if len(self) > 1 else None
        if projection is None or isinstance(projection, nn.Dropout):
            return embeddings
        projected: Tensor = projection(embeddings)
        return projected


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
