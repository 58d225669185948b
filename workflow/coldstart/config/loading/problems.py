"""Mistakes in recipes, studies and settings, collected and said all at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from coldstart.common.errors import ColdstartError, nearest
from coldstart.config.loading.names import name_problem

SHOWN = 8


@dataclass
class Problems:
    """Mistakes, as lines of ``file: path: message``."""

    lines: list[str] = field(default_factory=list)

    def add(self, file: str, path: str, message: str) -> None:
        """Note one mistake; the same one is noted once."""
        line = ": ".join(part for part in (file, path, message) if part)
        if line not in self.lines:
            self.lines.append(line)

    def validate(self, adapter: TypeAdapter[Any], value: Any, file: str, path: str) -> Any:
        """The model that ``value`` describes, or None after its mistakes were noted."""
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                keys, said = list(_real_keys(detail["loc"], value)), _say(detail, adapter)
                if detail["loc"][-1:] == ("[key]",):
                    keys, said = keys[:-1], _say_of_name(detail, value)
                self.add(file, ".".join([path, *keys] if path else keys), said)
            return None

    def raise_if_any(self) -> None:
        """Raise them all as one message of at most ten lines."""
        if not self.lines:
            return
        count = len(self.lines)
        head = "1 mistake" if count == 1 else f"{count} mistakes"
        rest = [f"... and {count - SHOWN} more"] if count > SHOWN else []
        body = "\n".join(f"  {line}" for line in self.lines[:SHOWN] + rest)
        raise ColdstartError(f"{head} in the configuration:\n{body}")


def _say_of_name(detail: ErrorDetails, value: Any) -> str:
    """Say what is wrong with a key that names something, such as a run of a study."""
    *above, name, _ = detail["loc"]
    for key in above:
        value = value[key]
    return name_problem(str(name), taken=[str(key) for key in value]) or detail["msg"]


def _real_keys(loc: tuple[int | str, ...], value: Any) -> Iterator[str]:
    """The path as it stands in the file: without pydantic's names for members of a union."""
    for position, key in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(value, dict) and (key in value or last):
            yield str(key)
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            yield str(key)
            value = value[key]


def _say(detail: ErrorDetails, adapter: TypeAdapter[Any]) -> str:
    """One of pydantic's findings, in the words of someone who edits YAML."""
    given, kind = detail["input"], detail["type"]
    if kind == "extra_forbidden":
        *above, key = detail["loc"]
        return f"unknown key{nearest(str(key), _keys_at(adapter, above) - {str(key)})}"
    if kind == "missing":
        return "is missing"
    if kind in ("literal_error", "union_tag_invalid"):
        expected = detail["ctx"].get("expected") or detail["ctx"].get("expected_tags", "")
        tag = given
        if kind == "union_tag_invalid" and isinstance(given, dict):
            tag = given.get(str(detail["ctx"]["discriminator"]).strip("'"))
        options = [option.strip(" '") for option in expected.replace(" or ", ",").split(",")]
        return f"`{tag}` is not known{nearest(str(tag), options)}"
    if kind == "union_tag_not_found":
        return f"key {str(detail['ctx']['discriminator']).strip()} is missing"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind == "string_type" and isinstance(given, int | float):
        return f"is the number {given!r}, not a text: put it in quotes"
    message = detail["msg"].removeprefix("Input ")
    return f"{message}, but is {given!r}"


def _keys_at(adapter: TypeAdapter[Any], loc: Iterable[int | str]) -> set[str]:
    """The keys that may stand at a place, of the kind of recipe that stands there.

    Args:
        adapter: what the whole is described by.
        loc: the way to the place as pydantic tells it, with a tag where a union is entered.
    """
    schema = adapter.json_schema()
    definitions = schema.get("$defs", {})

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        return definitions[node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else node

    def members(node: dict[str, Any]) -> list[dict[str, Any]]:
        """The node, or what it may be if it is a union."""
        node = resolved(node)
        unions = [one for kind in ("anyOf", "oneOf", "allOf") for one in node.get(kind, [])]
        return [below for one in unions for below in members(one)] if unions else [node]

    def entered(node: dict[str, Any], part: int | str) -> list[dict[str, Any]]:
        """The schemas below a node, one step on."""
        tagged = resolved(node).get("discriminator", {}).get("mapping", {})
        if part in tagged:
            return [{"$ref": tagged[part]}]
        found = []
        for one in members(node):
            if isinstance(part, int):
                found += [one["items"]] if "items" in one else []
            elif part in one.get("properties", {}):
                found.append(one["properties"][part])
            else:  # a mapping of names, with or without a pattern that they match
                found += one.get("patternProperties", {}).values()
                others = one.get("additionalProperties")
                found += [others] if isinstance(others, dict) else []
        return found

    here = [schema]
    for part in loc:
        # A tag of a union that the schema does not name leads nowhere: stay, and allow each member.
        here = [one for node in here for one in entered(node, part)] or here
    return {key for node in here for one in members(node) for key in one.get("properties", ())}
