"""Mistakes in recipes, studies and settings, collected and said all at once."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from coldstart.errors import ColdstartError

SHOWN = 8


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?``, or what there is, for a name that is not among ``known``."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there is {', '.join(known)}" if known else ""


@dataclass
class Problems:
    """What is wrong, as lines of ``file: path: message``."""

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
                keys = list(_real_keys(detail["loc"], value))
                self.add(file, ".".join([path, *keys] if path else keys), _say(detail, adapter))
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
        return f"unknown key{nearest(str(detail['loc'][-1]), _keys(adapter))}"
    if kind == "missing":
        return "is missing"
    if kind in ("literal_error", "union_tag_invalid"):
        expected = detail["ctx"].get("expected") or detail["ctx"].get("expected_tags", "")
        tag = (
            given.get(str(detail["ctx"]["discriminator"]).strip("'"))
            if isinstance(given, dict)
            else given
        )
        options = [option.strip(" '") for option in expected.replace(" or ", ",").split(",")]
        return f"`{tag}` is not known{nearest(str(tag), options)}"
    if kind == "union_tag_not_found":
        return f"key {str(detail['ctx']['discriminator']).strip()} is missing"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    message = detail["msg"].removeprefix("Input ")
    return f"{message}, but is {given!r}"


def _keys(adapter: TypeAdapter[Any]) -> set[str]:
    """All keys that occur anywhere in what the adapter describes."""
    found: set[str] = set()

    def walk(schema: Any) -> None:
        if isinstance(schema, dict):
            found.update(schema.get("properties", ()))
            for part in schema.values():
                walk(part)
        elif isinstance(schema, list):
            for part in schema:
                walk(part)

    walk(adapter.json_schema())
    return found
