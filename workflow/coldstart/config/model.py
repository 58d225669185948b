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
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
