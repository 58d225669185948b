"""Tables of labels, as people and labelling tools write them: rows of a path and a label.

The formats are delimited text (comma, semicolon or tab; UTF-8, or UTF-16 as spreadsheets save it)
and the exports of Label Studio: CSV, TSV, JSON and JSON-MIN (https://labelstud.io/guide/export);
and of CVAT: XML as ``CVAT for images 1.1`` (https://docs.cvat.ai), of which tags of images count.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from coldstart.common.errors import ColdstartError
from coldstart.common.texts import plain_text

COLUMNS = ("path", "label")

GIVEN = "given_label"
"""Column of a ranking with the labels that the user had given."""

IMAGE = "image"
"""Column with the path, as an address, in exports of tasks that Label Studio made itself."""

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True)
class Row:
    """One label that somebody gave.

    Attributes:
        path: as it stands in the table.
        label: stripped, in Unicode's composed form; empty for no label.
        where: the file and the line or task, for messages.
    """

    path: str
    label: str
    where: str


def read_rows(table: Path) -> list[Row]:
    """Read the rows of a table; empty rows are left out.

    Raises:
        ColdstartError: the file cannot be read, or is not a table with these columns.
    """
    try:
        content = table.read_bytes()
    except OSError as error:
        raise ColdstartError(f"The labels {table} cannot be read: {error.strerror}.") from error
    if table.suffix.lower() == ".xml":
        rows = _from_xml(content, table)
    elif table.suffix.lower() == ".json":
        rows = _from_json(_text(content, table), table)
    else:
        rows = _from_text(_text(content, table), table)
    found = []
    for row in rows:
        if row.path.strip():
            found.append(row)
        elif row.label:
            raise ColdstartError(f"{row.where} has the label {row.label!r} and no path.")
    return found


def _text(content: bytes, table: Path) -> str:
    encoding = "utf-8-sig"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in content[:2]:
        encoding = "utf-16-be" if content[0] == 0 else "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ColdstartError(
            f"{table} is not in UTF-8 (byte 0x{content[error.start]:02x} in line {line}): save it "
            "as UTF-8, which spreadsheets call `CSV UTF-8`."
        ) from error


def _from_text(text: str, table: Path) -> Iterator[Row]:
    said = re.match(r'"?sep=(.)"?\r?\n', text)  # some spreadsheets write this first line
    skipped = 1 if said else 0
    text = text[said.end() :] if said else text
    delimiter, columns = _header(text, table)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        width = len(next(reader))
        for cells in reader:
            where = f"{table}, line {reader.line_num + skipped}"
            if any(cell.strip() for cell in cells[width:]):
                raise ColdstartError(
                    f"{where} has {len(cells)} cells, but the first line {width}: put what has "
                    f"{DELIMITERS[delimiter]} in it between double quotes."
                )
            path, label, given = (cells[at] if 0 <= at < len(cells) else "" for at in columns)
            yield Row(path, _label(label, where) or _label(given, where), where)
    except csv.Error as error:
        where = f"{table}, line {reader.line_num + skipped}"
        raise ColdstartError(f"{where} cannot be read as a table: {error}.") from error


def _header(text: str, table: Path) -> tuple[str, tuple[int, int, int]]:
    """Return the delimiter of the first line, and the positions of the columns.

    The last of them is a ranking's ``given_label``, -1 for other tables: in a copy of a ranking to
    which somebody has added labels, the earlier labels still count.
    """
    first = text.splitlines()[0] if text else ""
    for delimiter in DELIMITERS:
        names = [name.strip().casefold() for name in _split(first, delimiter)]
        wanted = [IMAGE if name == "path" and name not in names else name for name in COLUMNS]
        if all(name in names for name in wanted):
            twice = [name for name in wanted if names.count(name) > 1]
            if twice:
                raise ColdstartError(f"{table} has two columns `{twice[0]}`: rename one of them.")
            before = names.index(GIVEN) if GIVEN in names else -1
            return delimiter, (names.index(wanted[0]), names.index(wanted[1]), before)
    delimiter = max(DELIMITERS, key=first.count)
    names = [name.strip() for name in _split(first, delimiter)]
    lacks = [name for name in COLUMNS if name not in [known.casefold() for known in names]]
    raise ColdstartError(
        f"{table} has no column `{lacks[0] if lacks else COLUMNS[0]}`: its first line names the "
        f"columns, {' and '.join(COLUMNS)} among them, with commas, semicolons or tabs between. "
        f"It has {', '.join(f'`{name}`' for name in names) if any(names) else 'none'}."
    )


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _from_json(text: str, table: Path) -> Iterator[Row]:
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ColdstartError(f"{table} is no JSON: {error}.") from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ColdstartError(f"{table} is no list of tasks, as Label Studio exports them.")
    for number, task in enumerate(tasks, start=1):
        where = f"{table}, task {task.get('id', number)}"
        if isinstance(task.get("data"), dict):
            path = _path(task["data"], where)
            labels = [_choice(given, where) for given in _annotations(task, where)] or [""]
        else:
            path, labels = _path(task, where), [_label(task.get("label", ""), where)]
        yield from (Row(path, label, where) for label in labels)


def _from_xml(content: bytes, table: Path) -> Iterator[Row]:
    """Yield a row for each tag of an image, and one for an image without any."""
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise ColdstartError(f"{table} has a DOCTYPE or entities, which no export of CVAT has.")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ColdstartError(f"{table} is no XML: {error}.") from error
    images = list(root.iter("image"))
    if not images:
        raise ColdstartError(f"{table} has no images: export as `CVAT for images 1.1`.")
    for image in images:
        where = f"{table}, image {image.get('id', '')}"
        labels = [_label(tag.get("label", ""), where) for tag in image.iter("tag")]
        yield from (Row(image.get("name", ""), label, where) for label in labels or [""])


def _path(data: Mapping[str, Any], where: str) -> str:
    found = data.get("path", data.get(IMAGE))
    if not isinstance(found, str):
        raise ColdstartError(f"{where} has no `path`: import tasks as label-studio.json has them.")
    return found


def _annotations(task: Mapping[str, Any], where: str) -> list[Sequence[Any]]:
    """Yield the result of each annotation of a task that was not skipped."""
    given = task.get("annotations", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ColdstartError(f"{where} has `annotations` that are no list of annotations.")
    return [one.get("result") or [] for one in given if not one.get("was_cancelled")]


def _choice(result: Sequence[Any], where: str) -> str:
    """Return the label of one annotation; empty if it has none."""
    for part in result:
        value = part.get("value") if isinstance(part, dict) else None
        if isinstance(value, dict) and "choices" in value:
            return _label(value, where)
    return ""


def _label(given: Any, where: str) -> str:
    """Return a label as text; a list of choices must have one."""
    if isinstance(given, str) and given.startswith('{"choices"'):
        with suppress(ValueError):  # otherwise it is part of the name
            given = json.loads(given)
    if isinstance(given, dict):
        given = given.get("choices", [])
        if not isinstance(given, list) or len(given) > 1:
            raise ColdstartError(
                f"{where} has several labels ({given}): an image has one label, or none."
            )
        given = given[0] if given else ""
    if not isinstance(given, str):
        raise ColdstartError(f"{where} has a label that is no text: {given!r}.")
    return unicodedata.normalize("NFC", plain_text(given.strip()))
