"""The base of every recipe and study, and the types of their numbers."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from coldstart.common.texts import unprintable


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

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
"""Lower-case words joined by hyphens: names become parts of paths, whose wildcards match these."""


def check_text(text: str) -> str:
    """Refuse a text that would not survive in the report, in SVG or in HTML.

    The report carries captions within a script, which ends at the first ``</script``; ``<!--``
    changes how the rest of it is read; XML has no control characters.

    Raises:
        ValueError: it holds one of these.
    """
    for mark in ("</", "<!--"):
        if mark in text:
            raise ValueError(f"holds `{mark}`, which breaks the report: leave it out")
    if unprintable(text.replace("\n", " ").replace("\t", " ")):
        raise ValueError("holds a control character, which no page can show: leave it out")
    return text


Text = Annotated[str, AfterValidator(check_text)]
"""Text for people: titles and claims, which stand in figures, tables and the report."""

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
