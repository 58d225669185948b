"""Fingerprints of code: which edits can change a number, found without importing anything."""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from coldstart.errors import ColdstartError

PACKAGE = Path(__file__).parent

INFRASTRUCTURE = tuple(
    f"coldstart.{name}"
    for name in (
        "artefacts",
        "cli",
        "config",
        "data.download",
        "errors",
        "fingerprint",
        "jobs",
        "place",
        "plan",
        "planned",
        "progress",
        "rules",
        "runs",
        "settings",
        "store",
        "vision",
    )
)
"""Modules and packages that decide how things are stored, planned, configured or shown. They cannot
change a number (what was configured is in the keys itself), so they are not followed."""

DECISIVE = ("coldstart.config.pools",)
"""Recipes that compute: how many images of a class an operator leaves is no part of the recipe."""


@cache
def fingerprint(*modules: str, package: Path = PACKAGE) -> str:
    """SHA-256 over the syntax trees of ``modules`` and all modules of Coldstart that they need.

    Docstrings, comments, formatting and line numbers do not count, nor does the version of Python.
    Imports are followed wherever they stand, also inside functions and behind ``TYPE_CHECKING``;
    the packages that a module lies in count too, because importing it runs them. What is imported
    by a name made at run time cannot be seen: pass it as one of ``modules``. A process sees one
    state of each file, that of the first call.

    Args:
        modules: qualified names, such as ``coldstart.ssl.losses``; order does not matter.
        package: folder of the package ``coldstart``.

    Raises:
        ColdstartError: a module is missing, has a syntax error, or is infrastructure.
    """
    for name in modules:
        if _is_infrastructure(name):
            raise ColdstartError(
                f"{name} is infrastructure, which has no fingerprint: name a stage."
            )
    trees: dict[str, str] = {}
    waiting = [(name, "") for name in modules]
    while waiting:
        name, importer = waiting.pop()
        if name in trees or _is_infrastructure(name):
            continue
        path = _file_of(name, package, importer)
        trees[name] = _tree_digest(path)
        waiting += [(imported, name) for imported in _imports(path, name, package)]
    return hashlib.sha256(json.dumps(trees, sort_keys=True).encode()).hexdigest()


@cache
def source_digest(*modules: str, package: Path = PACKAGE) -> str:
    """SHA-256 over the texts of ``modules`` as they are, and of no others.

    Args:
        modules: qualified names; order does not matter.
        package: folder of the package ``coldstart``.

    Raises:
        ColdstartError: a module is missing.
    """
    texts = {name: hashlib.sha256(_text(_file_of(name, package))).hexdigest() for name in modules}
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()


def _is_infrastructure(name: str) -> bool:
    if name in DECISIVE:
        return False
    return name.startswith(tuple(f"{left_out}." for left_out in INFRASTRUCTURE)) or (
        name in INFRASTRUCTURE
    )


def _find(name: str, package: Path) -> Path | None:
    """The file of the module ``name``; None if there is none."""
    first, *rest = name.split(".")
    if first != "coldstart":
        return None
    path = package.joinpath(*rest)
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _file_of(name: str, package: Path, importer: str = "") -> Path:
    path = _find(name, package)
    if path is None:
        because = f", which {importer} imports" if importer else ""
        raise ColdstartError(f"There is no module {name} in {package}{because}.")
    return path


@cache
def _text(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _tree(path: Path) -> ast.Module:
    try:
        return ast.parse(_text(path), str(path))
    except (SyntaxError, ValueError) as error:
        raise ColdstartError(f"{path} is not valid Python: {error}") from error


@cache
def _tree_digest(path: Path) -> str:
    return hashlib.sha256("".join(_shape(_tree(path))).encode()).hexdigest()


def _shape(node: Any) -> Iterator[str]:
    """A text of a syntax tree that every version of Python gives alike.

    ``ast.dump`` does not: it names empty fields, which each version adds some of. A constant None
    has the text of an empty field, but no constant is without a value, so it stays unambiguous.
    """
    if isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            members = (
                [m for m in value if not _is_bare_text(m)] if isinstance(value, list) else value
            )
            if members is not None and members != [] and name not in ("kind", "type_comment"):
                yield f"{name}="
                yield from _shape(members)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for member in node:
            yield from _shape(member)
            yield ","
        yield "]"
    else:
        yield ascii(node)


def _is_bare_text(node: Any) -> bool:
    """A text as a statement of its own: a docstring, of a module, class, function or attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _imports(path: Path, name: str, package: Path) -> frozenset[str]:
    """The modules of the package that ``name`` imports, and the packages that they lie in."""
    found = {name}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, path, name)
            found.add(source)
            members = {f"{source}.{alias.name}" for alias in node.names}
            found |= {member for member in members if _find(member, package)}
    inside = {module for module in found if module.split(".")[0] == "coldstart"}
    for module in list(inside):
        while "." in module:
            module = module.rpartition(".")[0]
            inside.add(module)
    return frozenset(inside)


def _absolute(node: ast.ImportFrom, path: Path, name: str) -> str:
    """What a ``from ... import`` imports from, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    above = node.level - (path.name == "__init__.py")
    base = parts[: len(parts) - above]
    return ".".join([*base, *([node.module] if node.module else [])])
