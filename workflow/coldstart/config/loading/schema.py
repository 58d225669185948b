"""JSON schemas of every YAML file, for editors: they complete keys and show descriptions."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from coldstart.config.loading.recipes import PARTS, kinds
from coldstart.config.loading.settings import Config

FOLDER = Path("workflow/schemas")


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema, for ``config.yaml``, each file of recipes, and studies."""
    found = {"config": TypeAdapter(Config).json_schema()}
    for kind, adapter in kinds().items():
        schema = adapter.json_schema()
        definitions = schema.pop("$defs", {})
        members = [ref["$ref"].rsplit("/", 1)[-1] for ref in schema.get("oneOf", [])]
        for recipe in [definitions[name] for name in members] or [schema]:
            _loosen(recipe, kind)
        if kind != "studies":
            schema = {"type": "object", "additionalProperties": schema}
        found[kind] = {**schema, "$defs": definitions}
    return found


def _loosen(recipe: dict[str, Any], kind: str) -> None:
    """Allow what a file may say beyond the model: a part by its name, and what scales change."""
    properties = recipe["properties"]
    for key in PARTS.get(kind, {}).keys() & properties.keys():
        part = properties[key]
        if part.get("type") == "array":
            part["items"] = {"anyOf": [{"type": "string"}, part["items"]]}
        else:
            properties[key] = {"anyOf": [{"type": "string"}, part]}
    properties["scales"] = {
        "type": "object",
        "description": "What other scales than `paper` change; mappings merge, else replaced.",
        "properties": {"cpu": {"type": "object"}, "smoke": {"type": "object"}},
        "additionalProperties": False,
    }


def render(schema: dict[str, Any]) -> str:
    """A schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every schema into ``folder``; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, schema in schemas().items():
        files.append(folder / f"{name}.schema.json")
        files[-1].write_text(render(schema), encoding="utf-8")
    return files
