"""Fingerprints of code: which edits can change a number, found without importing anything."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from coldstart.common.errors import ColdstartError

PACKAGE = Path(__file__).parents[1]

INFRASTRUCTURE = tuple(
    f"coldstart.{name}"
    for name in (
        "cli",
        "common.errors",
        "common.place",
        "common.progress",
        "common.vision",
        "config",
        "data.download",
        "planning",
        "running",
        "store",
    )
)
"""Modules and packages that decide how things are stored, planned, configured or shown. They cannot
change a number (what was configured is in the keys itself), so they are not followed."""

PAGES = (".css", ".html", ".js")
"""Suffixes of files that count with the module of their name: they are code of its pages."""

CONFIG = "coldstart.config"
"""Recipes. Their values are in the keys, so of this package only what computes counts: functions
that a stage imports, and methods of the recipes at hand that it calls."""


@cache
def fingerprint(
    *modules: str, recipes: frozenset[type] = frozenset(), package: Path = PACKAGE
) -> str:
    """SHA-256 over the syntax trees of ``modules`` and all modules of Coldstart that they need.

    Docstrings, comments, formatting and line numbers do not count, nor does the version of Python.
    Imports are followed wherever they stand, also inside functions and behind ``TYPE_CHECKING``;
    the packages that a module lies in count too, because importing it runs them. An import by a
    name from a recipe cannot be seen: pass such modules, which ``modules_of`` finds. A process sees
    one state of each file, that of the first call.

    Args:
        modules: qualified names, such as ``coldstart.ssl.losses``; order does not matter.
        recipes: classes of the recipes that the stage is given (``classes_of``). Of their methods
            those count that the modules call.
        package: folder of the package ``coldstart``.

    Raises:
        ColdstartError: a module is missing, has a syntax error, or is infrastructure.
    """
    trees, functions = _parts(modules, recipes, package)
    shapes = {name: _digest(node) for name, node in functions.items()}
    return hashlib.sha256(json.dumps([trees, shapes], sort_keys=True).encode()).hexdigest()


def covered(
    *modules: str, recipes: frozenset[type] = frozenset(), package: Path = PACKAGE
) -> tuple[set[str], set[str]]:
    """The parts of the code that a fingerprint covers.

    Returns:
        Modules that count as a whole, and functions of recipes as ``module.Class.method``.
    """
    trees, functions = _parts(modules, recipes, package)
    return set(trees), set(functions)


def classes_of(recipe: Any) -> frozenset[type]:
    """The classes of a recipe and of the recipes in it."""
    return frozenset(map(type, _recipes_in(recipe)))


def modules_of(recipe: Any) -> tuple[str, ...]:
    """The modules that compute the parts of a recipe: those that registries find by a name."""
    # Imported here: pydantic takes long, and the store's commands need no recipes.
    from coldstart.config.recipes.registry import registries_of

    found = {
        registry.module(part) for part in _recipes_in(recipe) for registry in registries_of(part)
    }
    return tuple(sorted(found))


def _recipes_in(recipe: Any) -> Iterator[Any]:
    """Yield a recipe and the recipes in it."""
    if hasattr(type(recipe), "model_fields"):
        yield recipe
        parts = [value for _, value in recipe]
    elif isinstance(recipe, dict):
        parts = list(recipe.values())
    else:
        parts = list(recipe) if isinstance(recipe, list | tuple) else []
    for part in parts:
        yield from _recipes_in(part)


def _parts(
    modules: Iterable[str], recipes: frozenset[type], package: Path
) -> tuple[dict[str, str], dict[str, ast.AST]]:
    """Digests of the modules that count as a whole, and the functions of recipes that count."""
    for name in modules:
        if _is_infrastructure(name):
            raise ColdstartError(
                f"{name} is infrastructure, which has no fingerprint: name a stage."
            )
    trees: dict[str, str] = {}
    called: set[str] = set()
    imported: set[tuple[str, str]] = set()
    waiting = [(name, "") for name in modules]
    while waiting:
        name, importer = waiting.pop()
        if name in trees or _is_infrastructure(name):
            continue
        path = _file_of(name, package, importer)
        trees[name] = _parsed(path).digest
        trees |= {f"{name} {file.name}": _digest_of(file) for file in _beside(path)}
        called |= _parsed(path).attributes
        imported |= _config_names(path, name, package)
        waiting += [(one, name) for one in _imports(path, name, package)]
    return trees, _Computing(package, called).of(imported, recipes)


@cache
def _beside(module: Path) -> list[Path]:
    """The files of a page that lie beside its module and have its name."""
    return [file for file in map(module.with_suffix, PAGES) if file.is_file()]


def _digest_of(file: Path) -> str:
    return hashlib.sha256(_text(file)).hexdigest()


class _Computing:
    """Finds the functions of recipes that stages call, by the names that stand in their code.

    Args:
        package: folder of the package ``coldstart``.
        called: names of attributes in the stages' code: of methods among them.
    """

    def __init__(self, package: Path, called: set[str]) -> None:
        self.package, self.called = package, called
        self.found: dict[str, ast.AST] = {}

    def of(self, imported: set[tuple[str, str]], recipes: frozenset[type]) -> dict[str, ast.AST]:
        """The functions by qualified name, until no more of them call others."""
        classes = {
            (one.__module__, one.__qualname__)
            for recipe in recipes
            for one in recipe.__mro__
            if one.__module__.startswith(f"{CONFIG}.")
        }
        before = -1
        while len(self.found) > before:
            before = len(self.found)
            for module, name in sorted(imported):
                self._add_name(module, name)
            for module, name in sorted(classes):
                self._add_methods(module, name)
        return self.found

    def _add_name(self, module: str, name: str) -> None:
        """Add a function or a constant of a module."""
        for node in self._body(module):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                self._add(module, name, node)
            elif _is_constant(node, name):
                self.found[f"{module}.{name}"] = node

    def _add_methods(self, module: str, name: str) -> None:
        for node in self._body(module):
            if isinstance(node, ast.ClassDef) and node.name == name:
                for member in node.body:
                    if isinstance(member, ast.FunctionDef) and member.name in self.called:
                        self._add(module, f"{name}.{member.name}", member)

    def _add(self, module: str, name: str, node: ast.FunctionDef) -> None:
        """Add a function with all of its own module that it uses by name."""
        if f"{module}.{name}" in self.found:
            return
        self.found[f"{module}.{name}"] = node
        for inner in ast.walk(node):
            if isinstance(inner, ast.Attribute):
                self.called.add(inner.attr)
            elif isinstance(inner, ast.Name):
                self._add_name(module, inner.id)

    def _body(self, module: str) -> list[ast.stmt]:
        path = _find(module, self.package)
        return _parsed(path).tree.body if path else []


def _is_constant(node: ast.stmt, name: str) -> bool:
    """Return True if a statement assigns a literal to a name; types of fields are no literals."""
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    else:
        return False
    named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
    try:
        ast.literal_eval(node.value)  # type: ignore[arg-type]
    except ValueError:
        return False
    return named


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


class _Parsed(NamedTuple):
    """The syntax tree of a file, and the parts of it that each fingerprint asks for."""

    tree: ast.Module
    digest: str
    attributes: frozenset[str]
    """The names behind a dot."""
    imports: tuple[ast.Import | ast.ImportFrom, ...]


@cache
def _parse(text: bytes) -> _Parsed:
    """Parse a text once, also where copies of the package have it."""
    tree = ast.parse(text)
    attributes: set[str] = set()
    imports: list[ast.Import | ast.ImportFrom] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            attributes.add(node.attr)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
    return _Parsed(tree, _digest(tree), frozenset(attributes), tuple(imports))


def _parsed(path: Path) -> _Parsed:
    try:
        return _parse(_text(path))
    except (SyntaxError, ValueError) as error:
        raise ColdstartError(f"{path} is not valid Python: {error}") from error


def _digest(node: ast.AST) -> str:
    parts: list[str] = []
    _shape(node, parts)
    return hashlib.sha256("".join(parts).encode()).hexdigest()


@cache
def _config_names(path: Path, name: str, package: Path) -> frozenset[tuple[str, str]]:
    """The names that a file imports from modules of recipes, or may call through such a module."""
    found: set[tuple[str, str]] = set()
    parsed = _parsed(path)
    for node in parsed.imports:
        if isinstance(node, ast.Import):
            continue
        source = _absolute(node, path, name)
        for alias in node.names:
            member = f"{source}.{alias.name}"
            if not member.startswith(f"{CONFIG}."):
                continue
            if _find(member, package):  # whatever stands behind a dot may be one of its own
                found |= {(member, attribute) for attribute in parsed.attributes}
            else:
                found.add((source, alias.name))
    return frozenset(found)


def _shape(node: Any, parts: list[str]) -> None:
    """Append a text of a syntax tree that every version of Python gives alike.

    ``ast.dump`` does not: it names empty fields, which each version adds some of. A constant None
    has the text of an empty field, but no constant is without a value, so it stays unambiguous.
    """
    if isinstance(node, ast.Raise):  # the text that it says is no result
        parts.append(f"Raise({_called(node.exc)})")
    elif isinstance(node, ast.AST):
        parts.append(f"{type(node).__name__}(")
        for name, value in ast.iter_fields(node):
            members = [m for m in value if not _is_said(m)] if isinstance(value, list) else value
            if name == "args" and _called(node) == "Progress":
                members = members[1:]
            if members is not None and members != [] and name not in ("kind", "type_comment"):
                parts.append(f"{name}=")
                _shape(members, parts)
        parts.append(")")
    elif isinstance(node, list):
        parts.append("[")
        for member in node:
            _shape(member, parts)
            parts.append(",")
        parts.append("]")
    else:
        parts.append(ascii(node))


def _is_said(node: Any) -> bool:
    """Return True for a statement that only says something: a docstring, or a line for the log."""
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, str)
    function = node.value.func if isinstance(node.value, ast.Call) else None
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "log"
    )


def _called(node: Any) -> str:
    """The name of what a call calls, or of what stands there; empty where it has none."""
    function = node.func if isinstance(node, ast.Call) else node
    return function.id if isinstance(function, ast.Name) else ""


@cache
def _imports(path: Path, name: str, package: Path) -> frozenset[str]:
    """The modules of the package that ``name`` imports, and the packages that they lie in."""
    found = {name}
    for node in _parsed(path).imports:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
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
    """Resolve the leading dots of the module that a ``from ... import`` names."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    above = node.level - (path.name == "__init__.py")
    base = parts[: len(parts) - above]
    return ".".join([*base, *([node.module] if node.module else [])])
