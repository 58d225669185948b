"""Studies: which recipes meet which seeds and budgets, and what is shown of it."""

from typing import Annotated

from pydantic import Field

from coldstart.config.recipes.model import Model, Name, Text
from coldstart.config.recipes.runs import Run
from coldstart.config.recipes.targets import FIGURES, TABLES, Target


class Study(Model):
    """A question asked of data, and the figures and tables that answer it."""

    title: Text
    """The question: the heading of the study in the report."""
    runs: Annotated[dict[Name, Run], Field(min_length=1)]
    """Pools, encoders, samplers and learners that meet, by names of your choice."""
    figures: dict[Name, Annotated[Target, FIGURES]] = {}
    """Figures, by the names of their files in ``results/figures/<study>/``."""
    tables: dict[Name, Annotated[Target, TABLES]] = {}
    """Tables, by the names of their files in ``results/tables/<study>/``."""
