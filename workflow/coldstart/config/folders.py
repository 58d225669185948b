"""Recipes of a user's own images: a folder of files, or a file of arrays."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from coldstart.config.model import Model, Side

Resize = Literal["crop", "squash", "pad"]

LabelsFrom = Annotated[str, Field(pattern=r"^(folders|none|.+\.csv)$")]


MEASURED: Literal["measured"] = "measured"


def _ascending(levels: list[float]) -> list[float]:
    if levels[0] >= levels[1]:
        raise ValueError(f"the lowest value comes first, but {levels} are given")
    return levels


Levels = (
    Literal["measured"]
    | Annotated[
        list[Annotated[float, Field(allow_inf_nan=False)]],
        Field(min_length=2, max_length=2),
        AfterValidator(_ascending),
    ]
)
"""The lowest and the highest value of images of more than 8 bits, or how they are found."""


ARRAYS = (".npz", ".npy")
"""How the names of files of arrays end."""


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
    """``folders``: each folder below the path is a class; ``none``; or a CSV file with the columns
    ``path`` and ``label``, itself given from the path on."""
    levels: Levels = MEASURED
    """The values that become black and white where an image has more than 8 bits a channel, such as
    ``[0, 4095]``. ``measured``: all but the lowest and the highest 0.1 % of the folder's pixels."""
    on_broken: Literal["skip", "fail"] = "fail"
    """What to do about an image that cannot be read; those skipped are listed with the images."""


class Arrays(Model):
    """Images in an ``.npz`` or ``.npy`` file of NumPy."""

    source: Literal["arrays"]
    path: Annotated[str, AfterValidator(_named_as_arrays)]
    """The file; a relative path is one below ``data_dir``. It is no part of any key."""
    labels: Literal["array", "none"] = "array"
    """Whether the array ``labels``, where the file has one, counts."""
    levels: Levels = MEASURED
    """The values that become black and white, such as ``[0, 4095]``. ``measured``: all but the
    lowest and the highest 0.1 % of the pixels. uint8 is taken as it is."""
