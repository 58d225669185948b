import functools
from pathlib import Path

import jsonschema
import pytest

from coldstart.config.loading.schema import render, schemas
from coldstart.config.loading.yaml import read_yaml

ROOT = Path(__file__).parents[2]

SCHEMAS = schemas()


def files_of(kind):
    if kind == "config":
        return [ROOT / "config.yaml"]
    if kind == "studies":
        return sorted((ROOT / "workflow/studies").glob("*.yaml"))
    return [ROOT / f"workflow/recipes/{kind}.yaml"]


@functools.cache
def validator(kind):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])
    return jsonschema.Draft202012Validator(SCHEMAS[kind])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schema_files_match_the_models(kind):
    """`coldstart schema` writes them."""
    path = ROOT / f"workflow/schemas/{kind}.schema.json"
    assert path.read_text() == render(SCHEMAS[kind])


@pytest.mark.parametrize("kind", SCHEMAS)
def test_files_of_the_project_match_their_schemas(kind):
    for path in files_of(kind):
        validator(kind).validate(read_yaml(path))


def test_schema_refuses_a_misspelt_key():
    content = read_yaml(ROOT / "workflow/recipes/encoders.yaml")
    content["byol-digits"]["epoch"] = 3
    with pytest.raises(jsonschema.ValidationError):
        validator("encoders").validate(content)


def test_schema_has_the_description_of_each_key():
    assert "description" in SCHEMAS["config"]["properties"]["scale"]
