"""Recipe of a file of arrays of a user's own images."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from coldstart.config.recipes.datasets import DataSource
from coldstart.config.recipes.datasets.levels import MEASURED, Levels

ARRAYS = (".npz", ".npy")
"""Endings of the names of files of arrays."""


def _named_as_arrays(path: str) -> str:
    if not path.endswith(ARRAYS):
        raise ValueError(f"should be a file that ends with {' or '.join(ARRAYS)}, but is {path!r}")
    return path


class Arrays(DataSource):
    """Images in an ``.npz`` or ``.npy`` file of NumPy."""

    source: Literal["arrays"]
    path: Annotated[str, AfterValidator(_named_as_arrays)]
    """The file; a relative path is one below ``data_dir``. It is no part of any key."""
    labels: Literal["array", "none"] = "array"
    """``array``: the file's array ``labels``, where it has one, holds the labels."""
    levels: Levels = MEASURED
    """The values that become black and white, such as ``[0, 4095]``. ``measured``: all but the
    lowest and the highest 0.1 % of the pixels. uint8 is taken as it is."""
