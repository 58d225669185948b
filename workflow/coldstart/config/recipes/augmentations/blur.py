"""Recipe of a Gaussian blur."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from coldstart.config.recipes.augmentations import Range, Share, Transform
from coldstart.config.recipes.model import Probability


def _odd(width: int) -> int:
    if width % 2 == 0:
        raise ValueError(f"a kernel has a middle, so its width is odd, but is {width}")
    return width


Pixels = Annotated[int, Field(ge=1), AfterValidator(_odd)]


class Blur(Transform):
    """A Gaussian blur."""

    op: Literal["blur"]
    probability: Probability
    kernel: Pixels | Share = 3
    """Width of the kernel in pixels, odd; or, below one, as a share of the image's shorter side."""
    sigma: Range = [0.1, 2.0]

    def misfit(self, height: int, width: int) -> str | None:
        """Say why images of this size cannot be blurred; None if they can."""
        if self.kernel < 2 * min(height, width):
            return None
        return (
            f"a blur's kernel of {self.kernel} pixels is too wide for {height} x {width}: it has "
            "less than twice the shorter side"
        )
