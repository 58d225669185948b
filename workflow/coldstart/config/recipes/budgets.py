"""Numbers of labels, as studies write them."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from coldstart.config.recipes.model import Count, Model

LONGEST = 10_000
"""Budgets of a run at most: each is a column of every figure."""


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
    if len(value) > LONGEST:
        raise ValueError(f"has {len(value)} entries; at most {LONGEST} are evaluated")
    for item in value:
        if isinstance(item, dict):
            try:
                part = BudgetRange.model_validate(item)
            except ValidationError:
                raise ValueError("a range of budgets is {from: ..., to: ..., step: ...}") from None
            spelt_out = range(part.first, part.to + 1, part.step)
            # Counted before it is built: a slip of the pen would fill the memory.
            if len(numbers) + len(spelt_out) > LONGEST:
                raise ValueError(
                    f"the range from {part.first} to {part.to} by {part.step} has {len(spelt_out)} "
                    f"numbers; at most {LONGEST} budgets are evaluated: take a larger step"
                )
            if not spelt_out:
                raise ValueError(f"the range from {part.first} to {part.to} holds no number")
            numbers += spelt_out
        else:
            numbers.append(item)
    return sorted(set(numbers)) if all(isinstance(n, int) for n in numbers) else numbers


Budgets = Annotated[
    list[Count],
    BeforeValidator(_spelt_out, json_schema_input_type=list[Count | BudgetRange]),
]

BudgetsByRun = Annotated[
    Annotated[Budgets, Tag("alike")] | Annotated[dict[str, Budgets], Tag("by run")],
    Discriminator(lambda value: "by run" if isinstance(value, dict) else "alike"),
]
"""Budgets that all runs share, or budgets by run."""


def of_run(budgets: BudgetsByRun | None, run: str) -> list[int] | None:
    """The numbers of labels that count of a run; None for all of its own."""
    return budgets.get(run) if isinstance(budgets, dict) else budgets
