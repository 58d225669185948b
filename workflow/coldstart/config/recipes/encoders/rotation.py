"""Recipe of predicting rotations."""

from typing import ClassVar, Literal

from coldstart.config.recipes.encoders import OneView, Trained


class Rotation(Trained):
    """Predicting by how many quarter turns an image was rotated (Gidaris et al. 2018)."""

    forwards: ClassVar[int] = 4
    square: ClassVar[bool] = True

    method: Literal["rotation"]
    views: OneView
    """Square: of the image's size if that is, or else with a crop that has a size."""
