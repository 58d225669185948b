"""Tables as CSV that a spreadsheet opens without running anything, and that reads back the same.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` is a formula to a spreadsheet, whatever quotes
it has in the file (https://owasp.org/www-community/attacks/CSV_Injection). Names of files and of
classes come from outside, so such cells are written with a sign before them, which ``plain_path``
and ``plain_text`` take away again.
"""

import csv
import re
import unicodedata
from typing import Literal

import pandas as pd

PATHS = "path"
"""The column whose cells are paths: ``./=a.png`` is the same file as ``=a.png``."""

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def unprintable(text: str) -> str | None:
    """The first character of a text that XML cannot hold or no page shows; None if there is none.

    These are control characters, halves of a character, and U+FFFE and U+FFFF.
    """
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") or character in "\ufffe\uffff":
            return character
    return None


def printable(text: str) -> str:
    """A text with U+FFFD in place of each character that ``unprintable`` finds."""
    return "".join("\ufffd" if unprintable(character) else character for character in text)


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The CSV of a table in UTF-8, numbers with six significant digits."""
    safe = table.copy()
    broken = False
    for column in safe.columns:
        cells = safe[column]
        if not (pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells)):
            continue
        escape = safe_path if column == PATHS else safe_text
        # Over plain objects, so that a missing cell stays missing.
        written = [escape(cell) if isinstance(cell, str) else cell for cell in cells.astype(object)]
        broken |= any("\r" in cell for cell in written if isinstance(cell, str))
        safe[column] = pd.Series(written, index=safe.index, dtype=object)
    # The csv module quotes a carriage return only since Python 3.13.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if broken else csv.QUOTE_MINIMAL
    text: str = safe.to_csv(None, index=False, float_format="%.6g", quoting=quoting)
    return text.encode()


def safe_path(path: str) -> str:
    """A relative path that is no formula."""
    return f"./{path}" if _FORMULA.match(path) else path


def safe_text(text: str) -> str:
    """A text that is no formula: an apostrophe stands before what could be one."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain_text(cell: str) -> str:
    """The text that ``safe_text`` was given."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r\n]", cell) else cell
