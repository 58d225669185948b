"""Recipe of colour jitter."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.recipes.augmentations import Transform
from coldstart.config.recipes.model import NonNegative, Probability


class Jitter(Transform):
    """Brightness, contrast, saturation and hue, in a random order."""

    op: Literal["jitter"]
    probability: Probability
    brightness: NonNegative = 0.0
    contrast: NonNegative = 0.0
    saturation: NonNegative = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
