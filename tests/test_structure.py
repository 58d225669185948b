"""Import arrows between the parts of the package run one way."""

import ast
from graphlib import TopologicalSorter

from coldstart.planning.fingerprint import PACKAGE


def modules():
    """The file of each module of the package."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = file
    return found


def part_of(module, files):
    """The package that a module lies in, within ``config`` the one below; or the loose module."""
    parts = module.split(".")
    inner = ".".join(parts[:3])
    below = parts[1:2] == ["config"] and inner in files and files[inner].name == "__init__.py"
    return inner if below else ".".join(parts[:2])


def imported(file, files):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                member = f"{node.module}.{alias.name}"
                yield member if member in files else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_circle_of_imports_joins_packages():
    files = modules()
    arrows = {}
    for module, file in files.items():
        here = part_of(module, files)
        there = {part_of(name, files) for name in imported(file, files) if name in files}
        arrows.setdefault(here, set()).update(there - {here, "coldstart"})
    order = list(TopologicalSorter(arrows).static_order())  # raises on a circle
    assert order.index("coldstart.running") < order.index("coldstart.training")
    assert order.index("coldstart.training") < order.index("coldstart.ssl")
    assert order.index("coldstart.ssl") < order.index("coldstart.learners")
    assert order.index("coldstart.config.recipes") < order.index("coldstart.config.checks")


def test_no_circle_of_imports_joins_modules():
    """Imports within functions count, and those that type-checking alone makes."""
    files = modules()
    arrows = {
        module: {name for name in imported(file, files) if name in files} - {module}
        for module, file in files.items()
    }
    assert len(list(TopologicalSorter(arrows).static_order())) == len(files)
