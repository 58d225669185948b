"""Recipe of a backbone with weights from a file."""

from typing import Annotated, Literal

from coldstart.config.recipes.backbones import BACKBONES, Network
from coldstart.config.recipes.encoders.from_file import FromFile


class Pretrained(FromFile):
    """One of the project's own backbones, pretrained by somebody else."""

    method: Literal["pretrained"]
    backbone: Annotated[Network, BACKBONES]

    @property
    def called(self) -> str:
        """The network's name in messages."""
        return f"the backbone of family {self.backbone.family}"

    @property
    def dim(self) -> int:
        """Size of an embedding."""
        return self.backbone.dim

    def macs(self, height: int, width: int, channels: int) -> float:
        """Multiply-adds that embed one image, about; images of any size are resized."""
        return self.backbone.macs(self.size, self.size, 3)

    def activations(self, height: int, width: int, channels: int) -> float:
        """Numbers that are put out for the resized image; few pass the network at a time."""
        return 3 * self.size**2
