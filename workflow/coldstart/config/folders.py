"""Recipes of a user's own images: a folder of files, or a file of arrays."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.model import Model, Side

Resize = Literal["crop", "squash", "pad"]

LabelsFrom = Annotated[str, Field(pattern=r"^(folders|none|.+\.csv)$")]


class Folder(Model):
    """Image files in a folder and those below it."""

    source: Literal["folder"]
    path: str
    """The folder; a relative path is one below ``data_dir``. It is no part of any key."""
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    """Height and width that all images are brought to."""
    channels: Literal[1, 3] = 3
    """Grey, or red, green and blue."""
    resize: Resize = "crop"
    """``crop`` covers the size and cuts the centre out, ``squash`` changes the aspect ratio, and
    ``pad`` fits the image in, black around it."""
    labels: LabelsFrom
    """``folders``: each folder below the path is a class; ``none``; or a CSV file with the columns
    ``path`` and ``label``, itself given from the path on."""
    on_broken: Literal["skip", "fail"] = "fail"
    """What to do about an image that cannot be read; those skipped are listed with the images."""


class Arrays(Model):
    """Images as they are in an ``.npz`` file of NumPy."""

    source: Literal["arrays"]
    path: Annotated[str, Field(pattern=r"\.npz$")]
    """The file; a relative path is one below ``data_dir``. It is no part of any key."""
    labels: Literal["array", "none"] = "array"
    """Whether the array ``labels``, where the file has one, counts."""
