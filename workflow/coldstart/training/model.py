"""Models that the trainer trains, and facts of the images that they are told."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn


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


class Compilable(nn.Module):
    """A network that torch compiles if a recipe asks for it."""


class EncoderModel(nn.Module, ABC):
    """A model that embeds images; it may have heads and target networks too."""

    @property
    @abstractmethod
    def encoder(self) -> nn.Module:
        """Network that gives the embeddings: uint8 images [N, H, W, C] to float32 [N, D]."""

    @property
    def clusters(self) -> nn.Module | None:
        """Network that gives the probabilities of its clusters, float32 [N, K], if it has any."""
        return None


@dataclass(frozen=True)
class Seen:
    """One batch of a stream: views of the same N images, and their labels.

    Attributes:
        views: each float [N, C, H, W] in [0, 1].
        labels: int64 [N]; None in a stream of unlabelled images.
    """

    views: Sequence[Tensor]
    labels: Tensor | None = None


Batch = Mapping[str, Seen]
"""One batch of each stream that a model is trained on, by the stream's name."""

LABELLED, UNLABELLED = "labelled", "unlabelled"
"""The streams: images whose label was bought, and all images of the pool without any label."""


@dataclass(frozen=True)
class Phase:
    """One move within a step of a training: a loss, and the optimiser that descends it.

    A phase sees the batches that earlier phases of its step have seen.

    Attributes:
        name: in the history, whose column ``loss_{name}`` has its loss.
        loss: computes a scalar from the batches, and the share of the training that lies behind.
        optimizer: its name in the recipe. Parameters of the others stay as they are meanwhile.
        streams: those that the loss reads; all if there is none.
        fresh: draw new batches of these streams instead.
    """

    name: str
    loss: Callable[[Batch, float], Tensor]
    optimizer: str = "optimizer"
    streams: tuple[str, ...] = ()
    fresh: bool = False


class Trainable(EncoderModel):
    """A model that is trained step by step.

    Attributes:
        online: the whole trained network, over whose parameters gradient norms are taken.
    """

    online: nn.Module

    @abstractmethod
    def training_loss(self, batch: Batch, done: float) -> Tensor:
        """Return the loss to descend, a scalar.

        Args:
            batch: of each stream that the model learns from.
            done: share of the training that lies behind, in [0, 1).
        """

    def phases(self) -> Sequence[Phase]:
        """Return the phases of each step, in their order: by default one, of ``training_loss``."""
        return [Phase("training", self.training_loss)]

    def moved(self) -> Mapping[str, nn.Module]:
        """Return the part that each optimiser of the recipe moves: by default one moves all."""
        return {"optimizer": self}

    @property
    def compiled(self) -> list[nn.Module]:
        """Modules that torch compiles if a recipe asks for it: the encoders, most of the work."""
        return [module for module in self.modules() if isinstance(module, Compilable)]

    def health(self, embeddings: Tensor) -> dict[str, float]:
        """Return further columns of the history, measured after each epoch; none by default.

        Args:
            embeddings: of some of the images, float32 [n, D].
        """
        return {}

    def after_step(self, done: float) -> None:
        """Do what follows each step of the optimiser, such as moving a target network.

        Args:
            done: share of the training that lies behind, this step included, in (0, 1].
        """


DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)
"""Layers that draw from torch's global generator."""


def drawing_layers(network: nn.Module) -> list[nn.Module]:
    """Return the layers that draw at random while they are in training mode."""
    return [module for module in network.modules() if isinstance(module, DROPOUT)]
