"""Recipes of data sets: where images come from."""

from collections.abc import Mapping
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field, model_validator

from coldstart.common.texts import unprintable
from coldstart.config.recipes.model import Count, Model
from coldstart.config.recipes.registry import Registry

ClassCounts = Annotated[list[Count], Field(min_length=2)]


def _check_class(name: str) -> str:
    bad = unprintable(name)
    if not name or bad is not None:
        raise ValueError(f"should be a name of characters that can be shown, but is {name!a}")
    return name


ClassName = Annotated[str, AfterValidator(_check_class)]


class Described(Protocol):
    """Facts known of a set of images before any of them is read.

    Attributes:
        shape: height, width and channels of an image.
        classes: their names, in the order of their numbers; none where there are no labels.
        parts: images of each class in each part, or how many there are where they have no labels.
    """

    @property
    def shape(self) -> list[int]:
        """Height, width and channels of an image."""

    @property
    def classes(self) -> list[str]:
        """Their names."""

    @property
    def parts(self) -> Mapping[str, list[int] | int]:
        """Their sizes."""


class DataSource(Model):
    """A place that images come from, which a module of ``coldstart.data.sources`` reads."""

    source: str
    """The source's name: a ``Literal`` in each sub-class."""


SOURCES: Registry[DataSource] = Registry(
    DataSource, "source", "coldstart.config.recipes.datasets", "coldstart.data.sources"
)


class Dataset(DataSource):
    """A published set of images, read whole."""

    digest: Annotated[str, Field(pattern="^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{0,64})$")]
    """Pins the content: the published edition's digest, or the SHA-256 of an own edition's
    files. Who does not know that yet writes ``sha256:``; the refusal says what it is."""
    shape: Annotated[list[Count], Field(min_length=3, max_length=3)]
    """Height, width and channels of an image."""
    classes: Annotated[list[ClassName], Field(min_length=2)]
    """Names of the classes, in the order of their numbers."""
    parts: Annotated[dict[str, ClassCounts | Count], Field(min_length=1)]
    """Images of each class in each of the publisher's parts, or how many there are in all where
    they have no labels; checked when the set is read. Parts that are not named are not read."""

    @model_validator(mode="after")
    def _fits(self) -> "Dataset":
        for part, counts in self.parts.items():
            if isinstance(counts, list) and len(counts) != len(self.classes):
                raise ValueError(
                    f"part `{part}` has counts of {len(counts)} classes, but `classes` names "
                    f"{len(self.classes)}"
                )
        return self

    def images_recipe(self) -> Mapping[str, Any]:
        """The recipe of the images, without classes and labels."""
        recipe = self.model_dump(exclude={"classes", "labels"}, exclude_none=True)
        return {
            **recipe,
            "parts": {
                part: sum(counts) if isinstance(counts, list) else counts
                for part, counts in self.parts.items()
            },
        }

    def labels_recipe(self) -> Mapping[str, Any]:
        """The recipe of the labels."""
        return self.model_dump(exclude_none=True)
