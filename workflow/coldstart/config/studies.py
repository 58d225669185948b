"""Studies: which recipes meet which seeds and budgets, and what is shown of it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from coldstart.config.model import Count, Model
from coldstart.config.targets import Figure, Table

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Lower-case words joined by hyphens: names become parts of paths."""


def _spelt_out(value: Any) -> Any:
    """Budgets with each ``{from, to, step}`` replaced by the numbers it stands for."""
    if not isinstance(value, list):
        return value
    numbers: list[Any] = []
    for item in value:
        if isinstance(item, dict):
            if set(item) != {"from", "to", "step"} or not all(
                isinstance(number, int) and number > 0 for number in item.values()
            ):
                raise ValueError("a range of budgets is {from: ..., to: ..., step: ...}")
            numbers += range(item["from"], item["to"] + 1, item["step"])
        else:
            numbers.append(item)
    return sorted(set(numbers)) if all(isinstance(n, int) for n in numbers) else numbers


Budgets = Annotated[list[Count], Field(min_length=1), BeforeValidator(_spelt_out)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class Run(Model):
    """One pool and one encoder under several samplers, seeds and budgets."""

    pool: str
    encoder: str
    encoder_seeds: Seeds = [0]
    """An encoder is trained anew for each."""
    embedding: str = "frozen"
    samplers: Annotated[list[str], Field(min_length=1)]
    sampler_seeds: Count = 5
    """Draws of each sampler that is random; the others have one."""
    budgets: Budgets
    """Numbers of labels. ``{from, to, step}`` stands for a range, its end included."""
    learner: str = "logistic-regression"


class Study(Model):
    """A question asked of data, and the figures and tables that answer it."""

    title: str
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
    figures: dict[Name, Figure] = {}
    tables: dict[Name, Table] = {}
