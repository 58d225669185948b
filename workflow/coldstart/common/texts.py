"""Texts from outside, such as names of files and classes: what can be shown, and what is run.

A cell that begins with ``=``, ``+``, ``-`` or ``@`` is a formula to a spreadsheet, whatever quotes
it has in the file (https://owasp.org/www-community/attacks/CSV_Injection). Such cells are written
with a sign before them, which is taken away again where tables are read.
"""

import re
import unicodedata

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


def safe_path(path: str) -> str:
    """A relative path that is no formula."""
    return f"./{path}" if _FORMULA.match(path) else path


def safe_text(text: str) -> str:
    """A text that is no formula: an apostrophe stands before what could be one."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain_text(cell: str) -> str:
    """The text that ``safe_text`` was given."""
    return cell[1:] if re.match(r"'+[=+\-@\t\r\n]", cell) else cell
