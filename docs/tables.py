"""Write the tables of the pages that come from the code, between their marks.

usage: python docs/tables.py [FOLDER]    (`make docs` does it; a test fails while a page is old)
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from coldstart.config.load import load
from coldstart.config.loading.recipes import Recipes
from coldstart.config.loading.settings import Config
from coldstart.config.recipes.backbones import BACKBONES
from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.learners.base import LEARNERS
from coldstart.config.recipes.registry import Registry
from coldstart.config.recipes.runs import Run
from coldstart.config.recipes.studies import Study
from coldstart.config.recipes.targets import FIGURES, TABLES, Target
from coldstart.selection.base import SAMPLERS

ROOT = Path(__file__).parents[1]
MARKED = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end of table -->)", re.S)


def keys_of(model: type[BaseModel], without: type[BaseModel] | None = None) -> str:
    """A table of a model's keys: default, and description."""
    inherited = set(without.model_fields) if without is not None else set()
    rows = [
        (f"`{key}`", _default(field), _description(field))
        for key, field in model.model_fields.items()
        if key not in inherited
    ]
    return _table(("key", "unless given", ""), rows)


def kinds() -> str:
    """A section for each kind of figure and table: what it shows, and its keys."""
    both = {kind: FIGURES.find(kind) for kind in FIGURES.names()}
    both |= {kind: TABLES.find(kind) for kind in TABLES.names()}
    sections = []
    for kind in sorted(both):
        if kind == "data-sheet":  # every pool has one, and no study lists it
            continue
        forms = " or ".join(sorted(both[kind].forms))
        keys = keys_of(both[kind], Target) if _own_keys(both[kind]) else ""
        sections.append(f"### {kind}\n\n{_first(both[kind])} A {forms}.\n\n{keys}".rstrip() + "\n")
    return "\n".join(sections)


def _own_keys(kind: type[BaseModel]) -> bool:
    return bool(set(kind.model_fields) - set(Target.model_fields))


def members(registry: Registry[Any], kind: str, tests: str) -> str:
    """A table of a registry's members: what each is, with its paper; module, recipes and test."""
    rows = []
    for name in registry.names():
        recipes = _recipes_of(registry, kind, name)
        module = registry.module_named(name).removeprefix("coldstart.").replace(".", "/")
        rows.append(
            (
                f"`{name}`",
                _first(registry.find(name)),
                f"[{module.rpartition('/')[2]}](../workflow/coldstart/{module}.py)",
                ", ".join(recipes) or "of your own files",
                ", ".join(_tests_of(name, tests)),
            )
        )
    return _table((registry.field, "", "module", "recipes", "tests"), rows)


def _recipes_of(registry: Registry[Any], kind: str, name: str) -> list[str]:
    recipes = _recipes()
    found = [
        f"`{one}`"
        for one in recipes.names(kind)
        if getattr(recipes.get(kind, one), registry.field, None) == name
    ]
    return found if len(found) <= 6 else [*found[:5], f"{len(found) - 5} more"]


@cache
def _recipes() -> Recipes:
    return load({"scale": "paper", "studies": []}, [], ROOT / "workflow").recipes


def _tests_of(name: str, folders: str) -> Iterator[str]:
    """Links to the two files of tests that speak of a member most."""
    word = re.compile(rf"\b{name.replace('-', '[-_]')}\b")
    counted = {
        path: len(word.findall(path.read_text("utf-8")))
        for folder in folders.split()
        for path in sorted((ROOT / "tests" / folder).glob("test_*.py"))
    }
    own = f"test_{name.replace('-', '_')}"
    for path in sorted(counted, key=lambda path: (path.stem != own, -counted[path]))[:2]:
        if counted[path]:
            shown = path.relative_to(ROOT).as_posix()
            yield f"[{path.stem.removeprefix('test_')}](../{shown})"


def _first(model: type[BaseModel]) -> str:
    """The first paragraph of a class's docstring."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "" if field.default_factory is None else "see the recipe"
    if field.default is None or field.default in ([], {}, ""):
        return "none"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, BaseModel):
        return f"`{type(field.default).__name__}`"
    return f"`{field.default}`".replace("'", "")


def _description(field: FieldInfo) -> str:
    choices = [str(one) for one in get_args(field.annotation) if isinstance(one, str)]
    text = " ".join((field.description or "").replace("``", "`").split())
    return f"{text} (`{'`, `'.join(choices)}`)".strip() if choices else text


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    cells = [[cell.replace("|", r"\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


TABLES_OF_PAGES: dict[str, Callable[[], str]] = {
    "settings": lambda: keys_of(Config),
    "study": lambda: keys_of(Study),
    "run": lambda: keys_of(Run),
    "target": lambda: keys_of(Target),
    "kinds": kinds,
    "encoders": lambda: members(ENCODERS, "encoders", "ssl embeddings"),
    "samplers": lambda: members(SAMPLERS, "samplers", "selection embeddings"),
    "learners": lambda: members(LEARNERS, "learners", "learners evaluation selection"),
    "backbones": lambda: members(BACKBONES, "backbones", "ssl planning"),
}


def written(text: str) -> str:
    """A page with its tables as the code has them now."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES_OF_PAGES[found[2]]()}\n{found[3]}", text)


def main() -> int:
    """Write all pages of a folder anew, and print the names of those that changed."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
    for page in sorted(folder.glob("*.md")):
        text = page.read_text("utf-8")
        new = written(text)
        if new != text:
            page.write_text(new, "utf-8")
            print(page.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
