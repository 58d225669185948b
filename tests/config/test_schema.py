from pathlib import Path

import jsonschema
import pytest
import yaml

from coldstart.config.loading.schema import render, schemas

ROOT = Path(__file__).parents[2]


def files_of(kind):
    if kind == "config":
        return [ROOT / "config.yaml"]
    if kind == "studies":
        return sorted((ROOT / "workflow/studies").glob("*.yaml"))
    return [ROOT / f"workflow/recipes/{kind}.yaml"]


@pytest.mark.parametrize("kind", schemas())
def test_the_files_are_in_step_with_the_models(kind):
    """`coldstart schema` writes them."""
    path = ROOT / f"workflow/schemas/{kind}.schema.json"
    assert path.read_text() == render(schemas()[kind])


@pytest.mark.parametrize("kind", schemas())
def test_the_project_s_own_files_are_valid(kind):
    for path in files_of(kind):
        jsonschema.validate(yaml.safe_load(path.read_text()), schemas()[kind])


def test_a_misspelt_key_is_invalid_in_an_editor_too():
    content = yaml.safe_load((ROOT / "workflow/recipes/encoders.yaml").read_text())
    content["byol-digits"]["epoch"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schemas()["encoders"])


def test_keys_carry_their_descriptions():
    assert "description" in schemas()["config"]["properties"]["scale"]
