"""What every recipe and study model has in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A recipe or a part of one: strict, closed and immutable.

    Strict, so that ``"1e-3"`` (which YAML reads as text) and ``true`` for a number are errors and
    no guesses; closed, so that a misspelt key is one too.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


Probability = Annotated[float, Field(ge=0, le=1)]
MOST = 10**9
"""Numbers beyond this are taken for a slip; no count of a recipe comes near."""

Count = Annotated[int, Field(ge=1, le=MOST)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]
Trials = Annotated[int, Field(ge=1, le=1_000)]
Side = Annotated[int, Field(ge=8, le=4096)]
"""Pixels of an image's height or width: networks halve smaller ones to nothing, and larger ones fit
into no memory."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Lower-case words joined by hyphens: names become parts of paths, whose wildcards match these."""

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
