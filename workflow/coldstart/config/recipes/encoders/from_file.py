"""The part that recipes of encoders with weights from a file have in common."""

from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.recipes.encoders import Encoder
from coldstart.config.recipes.model import Count, Positive
from coldstart.config.recipes.weights import Weights

Channels = Annotated[list[Positive], Field(min_length=3, max_length=3)]


class FromFile(Encoder):
    """A network with weights from a file: nothing is trained."""

    weights: Weights
    """A path, a file of a package, or a published file; of PyTorch or safetensors."""
    prefix: str = ""
    """Prefix of the network's names in the file, such as ``module.encoder_q.``."""
    size: Count
    """Height and width that images are resized to."""
    resampling: Literal["bilinear", "bicubic"] = "bilinear"
    """Filter of the resizing, which is antialiased."""
    mean: Channels = [0.485, 0.456, 0.406]
    """Mean of each channel over the network's training images; ImageNet's unless given."""
    std: Channels = [0.229, 0.224, 0.225]

    @property
    @abstractmethod
    def called(self) -> str:
        """The network's name in messages."""
