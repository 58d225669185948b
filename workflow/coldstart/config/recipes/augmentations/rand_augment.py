"""Recipe of RandAugment."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from coldstart.config.recipes.augmentations import Range, Transform, ascending
from coldstart.config.recipes.model import Count, NonNegative


class RandAugment(Transform):
    """Some of RandAugment's fourteen operations (Cubuk et al. 2020), one after the other.

    Each is drawn anew and as likely as any other, and how much it does is drawn uniformly, as in
    SCAN (Van Gansbeke et al. 2020), whose intervals are the defaults. They are: identity,
    autocontrast, equalisation, rotation, shear and translation along each axis, brightness,
    contrast, colour, sharpness, solarisation (at any threshold) and posterisation.
    """

    op: Literal["rand-augment"]
    count: Count
    """Number of operations that are drawn for each image."""
    rotation: NonNegative = 30.0
    """Degrees, to either side."""
    shear: NonNegative = 0.1
    """Pixels by which each row is moved against the one above, to either side."""
    translation: NonNegative = 0.1
    """Share of the image's side, to either side; in whole pixels."""
    factor: Range = [0.05, 0.95]
    """Factor of brightness, contrast, colour and sharpness: 1 leaves an image as it is."""
    bits: Annotated[
        list[Annotated[int, Field(ge=1, le=8)]],
        Field(min_length=2, max_length=2),
        AfterValidator(ascending),
    ] = [4, 8]
    """Fewest and most bits of each value that posterisation leaves."""
