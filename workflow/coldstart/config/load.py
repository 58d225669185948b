"""From files and ``--config`` to checked settings, recipes and studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.checks.studies import check
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.ranking import OWN, add_own
from coldstart.config.loading.recipes import Recipes, load_recipes
from coldstart.config.loading.settings import Config, Scale
from coldstart.config.loading.yaml import read_yaml


@dataclass(frozen=True)
class Loaded:
    """The settings, and all recipes and studies at their scale."""

    config: Config
    recipes: Recipes


def load(settings: Mapping[str, Any], files: Sequence[Path], workflow: Path) -> Loaded:
    """Check and resolve everything that a run is made of.

    Args:
        settings: what Snakemake made of the configuration files and ``--config``.
        files: the configuration files, read again because Snakemake's reader lets a key that
            stands twice pass.
        workflow: the folder that holds ``recipes/`` and ``studies/``.

    Raises:
        ColdstartError: with every mistake found, each with its file, its path and a remedy.
    """
    problems = Problems()
    for file in files:
        try:
            read_yaml(file)
        except ColdstartError as error:
            problems.add(str(error), "", "")
    shown = f"{files[0].name} or --config" if files else "--config"
    problems.raise_if_any()
    config = problems.validate(TypeAdapter(Config), dict(settings), shown, "")
    scale: Scale = config.scale if config is not None else "cpu"
    recipes = load_recipes(workflow, scale, problems)
    if config is not None and config.images:
        add_own(config, recipes, shown, problems)
        if recipes.known("studies", OWN):
            config = config.model_copy(update={"studies": [OWN]})
    check(recipes, problems)
    for name in config.studies if config is not None else []:
        if not recipes.known("studies", name):
            hint = nearest(name, recipes.names("studies"))
            problems.add(shown, "studies", f"no study `{name}` in workflow/studies{hint}")
    problems.raise_if_any()
    assert config is not None
    return Loaded(config, recipes)
