"""Studies: which recipes meet which seeds and budgets, and what is shown of it."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from coldstart.config.model import Count, Model
from coldstart.config.targets import Figure, Table

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Lower-case words joined by hyphens: names become parts of paths."""


class BudgetRange(Model):
    """Every ``step``-th number from ``from`` to at most ``to``."""

    first: Count = Field(alias="from")
    to: Count
    step: Count


def _spelt_out(value: Any) -> Any:
    """Budgets with each range replaced by the numbers it stands for, ascending."""
    if not isinstance(value, list):
        return value
    numbers: list[Any] = []
    for item in value:
        if isinstance(item, dict):
            try:
                part = BudgetRange.model_validate(item)
            except ValidationError:
                raise ValueError("a range of budgets is {from: ..., to: ..., step: ...}") from None
            numbers += range(part.first, part.to + 1, part.step)
        else:
            numbers.append(item)
    return sorted(set(numbers)) if all(isinstance(n, int) for n in numbers) else numbers


Budgets = Annotated[
    list[Count],
    BeforeValidator(_spelt_out, json_schema_input_type=list[Count | BudgetRange]),
]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class Run(Model):
    """One pool and one encoder under several samplers, seeds and budgets."""

    pool: str
    encoder: str
    encoder_seeds: Seeds = [0]
    """An encoder is trained anew for each."""
    embedding: str = "frozen"
    samplers: list[str] = []
    """Without any, a run is of its encoder alone."""
    sampler_seeds: Count = 5
    """Draws of each sampler that is random; the others have one."""
    budgets: Budgets = []
    """Numbers of labels. ``{from, to, step}`` stands for a range, its end included."""
    learner: str = "logistic-regression"
    probe: str = "knn-linear"
    """How the encoder is measured where a figure or table asks for it."""
    labelled: str | None = None
    """A data set with the images of the pool's, whose labels say which have one already: these are
    not picked again, and samplers start from them."""
    excess: Literal["refuse", "cut"] = "refuse"
    """What is done about a budget that is larger than the images left to pick of."""


class Study(Model):
    """A question asked of data, and the figures and tables that answer it."""

    title: str
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
    figures: dict[Name, Figure] = {}
    tables: dict[Name, Table] = {}
