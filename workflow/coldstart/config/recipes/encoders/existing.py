"""Recipe of a library's network with weights from a file."""

from typing import Literal

from coldstart.config.recipes.encoders.from_file import FromFile


class Existing(FromFile):
    """A network of torchvision or timm."""

    method: Literal["existing"]
    library: Literal["torchvision", "timm"]
    name: str
    """As the library names the network, such as ``resnet50``."""

    @property
    def called(self) -> str:
        """The network's name in messages."""
        return f"{self.library}'s `{self.name}`"

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
