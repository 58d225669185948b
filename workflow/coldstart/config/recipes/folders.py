"""Recipes of a user's own images: a folder of files, or a file of arrays."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from coldstart.config.model import Model, Side

Resize = Literal["crop", "squash", "pad"]

TABLES = (".csv", ".tsv", ".txt", ".json")
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


MEASURED: Literal["measured"] = "measured"


def _read_levels(given: object) -> object:
    """Two numbers, also as ``--config`` hands them over: as text."""
    if given == MEASURED:
        return given
    try:
        low, high = map(float, given if isinstance(given, list | tuple) else ())
    except (TypeError, ValueError):
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            f"should be `{MEASURED}` or two numbers, the lowest value first, such as [0, 4095], "
            f"but is {given!r}"
        )
    return [low, high]


Levels = Annotated[Literal["measured"] | list[float], BeforeValidator(_read_levels)]
"""The lowest and the highest value of images of more than 8 bits, or how they are found."""


ARRAYS = (".npz", ".npy")
"""Endings of the names of files of arrays."""


def _named_as_arrays(path: str) -> str:
    if not path.endswith(ARRAYS):
        raise ValueError(f"should be a file that ends with {' or '.join(ARRAYS)}, but is {path!r}")
    return path


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
    """``folders``: each folder below the path is a class; ``none``; or tables with the columns
    ``path`` and ``label``, one or a list, themselves given from the path on."""
    levels: Levels = MEASURED
    """The values that become black and white where an image has more than 8 bits a channel, such as
    ``[0, 4095]``. ``measured``: all but the lowest and the highest 0.1 % of the folder's pixels."""
    on_broken: Literal["skip", "fail"] = "fail"
    """An image that cannot be read is skipped and listed with the images, or it ends the run."""


class Arrays(Model):
    """Images in an ``.npz`` or ``.npy`` file of NumPy."""

    source: Literal["arrays"]
    path: Annotated[str, AfterValidator(_named_as_arrays)]
    """The file; a relative path is one below ``data_dir``. It is no part of any key."""
    labels: Literal["array", "none"] = "array"
    """``array``: the file's array ``labels``, where it has one, holds the labels."""
    levels: Levels = MEASURED
    """The values that become black and white, such as ``[0, 4095]``. ``measured``: all but the
    lowest and the highest 0.1 % of the pixels. uint8 is taken as it is."""
