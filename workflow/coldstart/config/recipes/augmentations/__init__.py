"""Recipes of augmentations: the random draw of a view of an image."""

from abc import ABC
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from coldstart.config.recipes.model import Model, Positive
from coldstart.config.recipes.registry import Registry


def ascending(ends: list[Any]) -> list[Any]:
    """Accept a range.

    Raises:
        ValueError: its upper end comes first.
    """
    if ends[0] > ends[1]:
        raise ValueError(f"a range goes from its lower to its upper end, but is {ends}")
    return ends


Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(ascending)]
"""Lower and upper end of a uniform draw; above nought."""

Share = Annotated[float, Field(gt=0, lt=1)]


class Transform(Model, ABC):
    """One step of an augmentation. Its module in ``coldstart.training.augment`` applies it."""

    op: str
    """The transform's name: a ``Literal`` in each sub-class."""

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what comes out of images of this size."""
        return height, width

    def misfit(self, height: int, width: int) -> str | None:
        """Say why the transform cannot take images of this size; None if it can."""
        return None


TRANSFORMS: Registry[Transform] = Registry(
    Transform, "op", "coldstart.config.recipes.augmentations", "coldstart.training.augment"
)


class Augmentation(Model):
    """A random view of an image. The transforms are applied in the order of the list."""

    transforms: list[Annotated[Transform, TRANSFORMS]]
    scope: Literal["image", "batch"] = "image"
    """``image``: each image has its own draw; ``batch``: all images of a batch share one."""
