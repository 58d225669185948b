"""YAML read without its traps: duplicate keys, numbers taken for text, and files made to harm.

This is the one place where the product reads YAML. Whatever is wrong with a file becomes a message
with its name, the line and the cause.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from coldstart.common.errors import ColdstartError

LARGEST = 5_000_000
"""Bytes of a file at most; the project's own have less than 50,000."""

NODES = 200_000
"""Values in a file at most, each alias counted as what it stands for."""

DEEPEST = 50
"""Levels of nesting at most."""

SAFE = 2_000
"""Levels that libyaml may read, which is ten times as fast; of a hundred thousand it crashes."""

MERGE = "tag:yaml.org,2002:merge"

# YAML 1.1, which PyYAML reads, wants a dot in the mantissa and a sign in the exponent.
_NUMBER_AS_TEXT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class _Checks(yaml.constructor.SafeConstructor):
    """A safe constructor that refuses what YAML would silently get wrong."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ColdstartError(f"line {line}: a key is a name, not a list or a mapping")
            key = self.construct_object(key_node, deep=True)
            if key in lines:
                raise ColdstartError(
                    f"line {line}: key `{key}` stands twice (first in line {lines[key]}); "
                    "YAML would keep the last one only. Remove one of them."
                )
            lines[key] = line
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put the pairs of merged mappings before a mapping's own, so that those win.

        Of several merged mappings the first wins, as YAML says. PyYAML 6.0.4 lets the last win.
        """
        merged: list[tuple[yaml.Node, yaml.Node]] = []
        own = []
        for key, value in node.value:
            if key.tag != MERGE:
                own.append((key, value))
                continue
            mappings = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for mapping in reversed(mappings):
                if not isinstance(mapping, yaml.MappingNode):
                    raise ColdstartError(
                        f"line {mapping.start_mark.line + 1}: `<<` takes a mapping, or a list of "
                        "mappings"
                    )
                self.flatten_mapping(mapping)
                merged += mapping.value
        if merged:
            # Each key once: mappings that merge mappings would else grow with each level.
            node.value = [*{_name(key): (key, value) for key, value in [*merged, *own]}.values()]

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # such as the date 2024-13-45
            line, cause = node.start_mark.line + 1, str(error).splitlines()[0]
            shown = node.value if isinstance(node.value, str) else ""
            raise ColdstartError(
                f"line {line}: `{_cut(shown)}` cannot be read ({cause}). Put it in quotes if it is "
                "text."
            ) from error


class _Loader(_Checks, yaml.SafeLoader):
    """The loader whose messages are shown, and which reads everything."""


class _FastLoader(_Checks, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """libyaml's loader, where PyYAML has it."""


def _name(key: yaml.Node) -> tuple[str, object]:
    return key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def _construct_text(loader: Any, node: yaml.ScalarNode) -> str:
    text = str(loader.construct_scalar(node))
    if not node.style and _NUMBER_AS_TEXT.fullmatch(text):
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
_FastLoader.add_constructor("tag:yaml.org,2002:str", _construct_text)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        ColdstartError: if it is not YAML or no mapping, a key stands twice, a number is written so
            that YAML takes it for text, or the file is too large, too deep, or refers to itself.
            The message names the file and, where there is one, the line.
    """
    try:
        content = _construct(_text(path))
    except OSError as error:
        raise ColdstartError(f"{path}: cannot be read ({error.strerror})") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ColdstartError(f"{path}, line {line}: not YAML ({error.problem})") from error
    except RecursionError as error:
        raise ColdstartError(f"{path}: is nested deeper than {DEEPEST} levels") from error
    except ColdstartError as error:
        raise ColdstartError(f"{path}, {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ColdstartError(f"{path}: holds a {type(content).__name__}, not a mapping of names")
    return content


def _text(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST:
        raise ColdstartError(f"which has {size} bytes: at most {LARGEST} are read")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ColdstartError(
            f"line {line}: is not UTF-8 ({error.reason}): save the file with that encoding"
        ) from error


def _construct(text: str) -> Any:
    if _most_levels(text) <= SAFE:
        with contextlib.suppress(yaml.YAMLError):  # the other loader says it better
            return _load(_FastLoader(text))  # type: ignore[call-arg]
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ColdstartError(
            f"line {line}: has the character {chr(int(error.character))!r}, which YAML does not "
            "allow: remove it"
        ) from error
    return _load(loader)


def _most_levels(text: str) -> int:
    """Return a number that the levels of nesting in a text do not exceed.

    Each level opens a bracket, has an indicator, or is indented by a blank more; the blanks count
    twice, because a list may be indented as the key that it belongs to.
    """
    brackets = text.count("[") + text.count("{")
    lines = (sum(map(line.count, "-?:")) + 2 * _blanks(line) for line in text.splitlines())
    return brackets + max(lines, default=0)


def _blanks(line: str) -> int:
    return len(line) - len(line.lstrip())


def _load(loader: Any) -> Any:
    """Return the content that a loader reads, and refuse what is too large or too deep."""
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _measure(node, {}, 0)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _measure(node: yaml.Node, known: dict[int, int], level: int) -> int:
    """Count the values below a node, each alias as often as it stands there.

    Args:
        node: where to count.
        known: the count of each node that was counted before; 0 of one that is being counted.
        level: levels above it.
    """
    if id(node) in known and not known[id(node)]:
        raise ColdstartError(f"line {node.start_mark.line + 1}: an alias refers to what it is in")
    if level > DEEPEST:
        raise ColdstartError(
            f"line {node.start_mark.line + 1}: is nested deeper than {DEEPEST} levels"
        )
    if id(node) not in known:
        known[id(node)] = 0
        known[id(node)] = 1 + sum(_measure(one, known, level + 1) for one in _below(node))
    if known[id(node)] > NODES:
        raise ColdstartError(
            f"line {node.start_mark.line + 1}: stands for more than {NODES} values. Write less, or "
            "fewer aliases"
        )
    return known[id(node)]


def _below(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value
