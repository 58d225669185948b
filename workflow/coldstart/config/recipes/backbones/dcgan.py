"""Recipe of DCGAN's convolutions with a latent layer."""

from typing import ClassVar, Literal

from coldstart.config.recipes.backbones.convs import Strided


class Dcgan(Strided):
    """4x4 convolutions with stride 2, BatchNorm, ReLU, and a latent layer (Radford et al. 2016)."""

    kernel: ClassVar[int] = 4

    family: Literal["dcgan"]

    @property
    def smallest(self) -> int:
        """Pixels that an image's shorter side must have: each convolution halves them."""
        return int(2 ** len(self.widths))

    @staticmethod
    def _halved(side: int) -> int:
        return side // 2
