"""YAML read without its traps: duplicate keys, and numbers that it takes for text."""

import re
from pathlib import Path
from typing import Any

import yaml

from coldstart.errors import ColdstartError

# YAML 1.1, which PyYAML reads, wants a dot in the mantissa and a sign in the exponent.
_NUMBER_AS_TEXT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses what YAML would silently get wrong."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if key in lines:
                raise ColdstartError(
                    f"line {line}: key `{key}` stands twice (first in line {lines[key]}); "
                    "YAML would keep the last one only. Remove one of them."
                )
            lines[key] = line
        return super().construct_mapping(node, deep)


def _construct_text(loader: _Loader, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node))
    if node.style is None and _NUMBER_AS_TEXT.fullmatch(text):
        raise ColdstartError(
            f"line {node.start_mark.line + 1}: YAML reads `{text}` as text, not as a number. "
            f"Write {float(text)!r} or {_with_dot_and_sign(text)}."
        )
    return text


def _with_dot_and_sign(text: str) -> str:
    mantissa, exponent = re.split("[eE]", text)
    mantissa += "" if "." in mantissa else ".0"
    return f"{mantissa}e{int(exponent):+d}"


_Loader.add_constructor("tag:yaml.org,2002:str", _construct_text)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ColdstartError: if it is not YAML or no mapping, a key stands twice, or a number is written
            so that YAML takes it for text. The message names the file and the line.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ColdstartError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ColdstartError(f"{path}, line {line}: not YAML ({error.problem})") from error
    except ColdstartError as error:
        raise ColdstartError(f"{path}, {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ColdstartError(f"{path}: holds a {type(content).__name__}, not a mapping of names")
    return content
