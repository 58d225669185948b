"""Recipe of a folder of a user's own images, and the tables of their labels."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from coldstart.config.recipes.datasets import DataSource
from coldstart.config.recipes.datasets.levels import MEASURED, Levels
from coldstart.config.recipes.model import Side

Resize = Literal["crop", "squash", "pad"]

TABLES = (".csv", ".tsv", ".txt", ".json", ".xml")
"""Endings of the names of tables of labels, in upper or lower case."""


def check_table(path: str) -> str:
    """Accept the name of a table of labels.

    Raises:
        ValueError: it ends otherwise.
    """
    if not path.lower().endswith(TABLES):
        raise ValueError(f"should be a {', '.join(TABLES[:-1])} or {TABLES[-1]} file, not {path!r}")
    return path


def _check_labels(labels: str | list[str]) -> str | list[str]:
    for name in [labels] if isinstance(labels, str) else labels:
        if labels not in ("folders", "none"):
            check_table(name)
    if not labels:
        raise ValueError("should be `folders`, `none` or tables, but is empty")
    return labels


Table = Annotated[str, AfterValidator(check_table)]

LabelsFrom = Annotated[str | list[str], AfterValidator(_check_labels)]


class Folder(DataSource):
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
    """``folders``: each folder below the path is a class; ``none``; or tables with the columns
    ``path`` and ``label``, one or a list, themselves given from the path on."""
    levels: Levels = MEASURED
    """The values that become black and white where an image has more than 8 bits a channel, such as
    ``[0, 4095]``. ``measured``: all but the lowest and the highest 0.1 % of the folder's pixels."""
    on_broken: Literal["skip", "fail"] = "fail"
    """An image that cannot be read is skipped and listed with the images, or it ends the run."""
