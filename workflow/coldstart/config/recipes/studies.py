"""Studies: which recipes meet which seeds and budgets, and what is shown of it."""

from typing import Annotated

from pydantic import Field

from coldstart.config.recipes.model import Model, Name, Text
from coldstart.config.recipes.runs import Run
from coldstart.config.recipes.targets import FIGURES, TABLES, Target


class Study(Model):
    """A question asked of data, and the figures and tables that answer it."""

    title: Text
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
    figures: dict[Name, Annotated[Target, FIGURES]] = {}
    tables: dict[Name, Annotated[Target, TABLES]] = {}
