"""Members of a package that is written for the test are found by their names."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.augmentations import TRANSFORMS
from coldstart.config.recipes.backbones import BACKBONES
from coldstart.config.recipes.datasets import SOURCES
from coldstart.config.recipes.encoders import ENCODERS
from coldstart.config.recipes.model import Model
from coldstart.config.recipes.registry import Registry, registries_of
from coldstart.config.recipes.targets import FIGURES, TABLES
from coldstart.selection.base import SAMPLERS

BASE = """
from coldstart.config.recipes.model import Model

class Shape(Model):
    shape: str

class Round(Shape):
    radius: float = 1.0
"""
CIRCLE = """
from typing import Literal
from {package}.base import Round

class Circle(Round):
    shape: Literal["circle", "disc"]
"""
BOX = """
from typing import Literal
from {package}.base import Shape
from {package}.circle import Circle

class Box(Shape):
    shape: Literal["wide-box"]
    side: int
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a package of recipes, and return its registry."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(computed_in=None, **modules):
        package = f"shapes_{tmp_path.name.replace('-', '_')}_{len(written)}"
        written.append(package)
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for name, text in {"base": BASE, "circle": CIRCLE, "wide_box": BOX, **modules}.items():
            (tmp_path / package / f"{name}.py").write_text(text.replace("{package}", package))
        base = __import__(f"{package}.base", fromlist=["Shape"]).Shape
        return Registry(base, "shape", package, computed_in)

    return write


def test_members_are_found_in_the_order_of_their_modules(write):
    registry = write()
    assert [found.__name__ for found in registry.classes()] == ["Circle", "Box"]
    assert registry.names() == ["circle", "disc", "wide-box"]
    assert registry.find("disc") is registry.find("circle")


def test_adding_a_module_adds_a_member(write):
    text = BOX.replace("wide-box", "ball").replace("Box", "Ball")
    assert write(ball=text).names() == ["ball", "circle", "disc", "wide-box"]


def test_the_nearest_name_is_proposed(write):
    with pytest.raises(ColdstartError, match="no shape `cirle`; did you mean `circle`"):
        write().find("cirle")


def test_two_classes_of_one_name_are_an_error(write):
    twice = write(copied=CIRCLE)
    with pytest.raises(ColdstartError, match=r"`circle` is the name of two .*circle and in .*cop"):
        twice.classes()


def test_the_computing_module_is_named_like_the_member(write):
    registry = write("coldstart.drawn")
    box = registry.find("wide-box")(shape="wide-box", side=2)
    assert registry.module(box) == "coldstart.drawn.wide_box"


def test_a_class_may_compute_itself(write):
    registry = write()
    box = registry.find("wide-box")(shape="wide-box", side=2)
    assert registry.module(box) == type(box).__module__
    assert registry.load(box).Box is type(box)


def test_recipes_are_validated_by_their_names(write):
    registry = write()
    found = registry.adapter().validate_python({"shape": "disc", "radius": 2.0})
    assert (type(found).__name__, found.radius) == ("Circle", 2.0)
    with pytest.raises(ValidationError, match="side"):
        registry.adapter().validate_python({"shape": "wide-box", "side": "2"})


def test_a_field_takes_any_member(write):
    registry = write()

    class Picture(Model):
        shapes: list[Annotated[registry.base, registry]]

    described = {"shapes": [{"shape": "circle", "radius": 3.0}, {"shape": "wide-box", "side": 1}]}
    picture = Picture.model_validate(described)
    assert picture.model_dump() == described
    assert [type(shape).__name__ for shape in picture.shapes] == ["Circle", "Box"]
    assert {"Circle", "Box"} <= TypeAdapter(Picture).json_schema()["$defs"].keys()
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        Picture.model_validate({"shapes": [{"shape": "line"}]})


def test_a_single_member_needs_no_union(write):
    alone = write(circle="", wide_box=BOX.replace("from {package}.circle import Circle", ""))
    assert alone.adapter().validate_python({"shape": "wide-box", "side": 1}).side == 1


def test_the_registry_of_a_recipe_is_found(write):
    registry = write()
    circle = registry.find("circle")(shape="circle")
    assert registries_of(circle) == [registry]
    assert registries_of(registry.base(shape="circle")) == []
    assert registries_of(3) == []


def test_no_heavy_library_is_imported():
    heavy = {"torch", "sklearn", "pandas", "matplotlib", "numpy"}
    code = (
        "import sys, coldstart.config.recipes.registry; "
        f"sys.exit(not {heavy}.isdisjoint(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


SHIPPED = {
    "samplers": (SAMPLERS, {"_pick"}),
    "methods": (ENCODERS, {"build", "fit", "join"}),
    "backbones": (BACKBONES, {"build"}),
    "transforms": (TRANSFORMS, {"apply"}),
    "sources": (SOURCES, {"read"}),
    "figures": (FIGURES, {"draw"}),
    "tables": (TABLES, {"tabulate"}),
}


@pytest.mark.parametrize("kind", SHIPPED)
def test_every_member_has_a_module_that_computes_it(kind):
    registry, functions = SHIPPED[kind]
    assert len(registry.names()) > 1
    for name in registry.names():
        text = Path(importlib.util.find_spec(registry.module_named(name)).origin).read_text()
        defined = {node.name for node in ast.walk(ast.parse(text)) if hasattr(node, "name")}
        assert functions & defined, f"{kind}: {name}"


@pytest.mark.parametrize("kind", SHIPPED)
def test_no_package_lists_its_members(kind):
    registry, _ = SHIPPED[kind]
    members = {found.__module__ for found in registry.classes()}
    members |= {registry.module_named(name) for name in registry.names()}
    for package in {registry.package, registry.computed_in or registry.package}:
        tree = ast.parse(Path(importlib.util.find_spec(package).origin).read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & members
