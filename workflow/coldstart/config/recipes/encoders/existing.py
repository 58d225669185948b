"""Recipe of a network with weights from a file."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.recipes.encoders import Encoder
from coldstart.config.recipes.model import Count, Positive

Channels = Annotated[list[Positive], Field(min_length=3, max_length=3)]


class Existing(Encoder):
    """A network of a library, with weights from a file: nothing is trained."""

    method: Literal["existing"]
    library: Literal["torchvision", "timm"]
    name: str
    """As the library names the network, such as ``resnet50``."""
    weights: str
    """A file of PyTorch or safetensors; a relative path is one below ``data_dir``. It is no part of
    any key: the digest of its content stands in its place."""
    prefix: str = ""
    """Prefix of the network's names in the file, such as ``module.encoder_q.``."""
    size: Count
    """Height and width that images are resized to."""
    mean: Channels = [0.485, 0.456, 0.406]
    """Mean of each channel over the network's training images; ImageNet's unless given."""
    std: Channels = [0.229, 0.224, 0.225]

    @property
    def dim(self) -> int:
        """Size of an embedding: a guess, since it shows only when the network is built."""
        return 2048

    def macs(self, height: int, width: int, channels: int) -> int:
        """Multiply-adds that embed one image: a guess, those of a ViT-B/16 at this size."""
        return int(18e9 * (self.size / 224) ** 2)

    def activations(self, height: int, width: int, channels: int) -> int:
        """Numbers that are put out on the way: the resized image; few pass the net at a time."""
        return 3 * self.size**2
