"""Levels of images of more than 8 bits: the values that become black and white."""

import math
from typing import Annotated, Literal

from pydantic import BeforeValidator

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
