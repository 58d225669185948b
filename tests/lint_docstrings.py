"""Refuses docstrings and comments that begin with a word that makes them a riddle.

A script of ``make lint``: ``python tests/lint_docstrings.py FOLDER...``.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

REFUSED = ("What", "How", "Whether", "Of", "Those", "That", "Which", "Where")
FILES = ("*.py", "*.smk")


def beginnings(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and first word of each docstring, those of attributes included."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                words = value.value.split()
                if words:
                    yield statement.lineno, words[0].strip(",.:;")


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and first word of each comment that stands on lines of its own."""
    before = ""
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line.startswith("# ") and not before.startswith("#"):
            yield number, line.split()[1].strip(",.:;")
        before = line


def main(folders: list[str]) -> int:
    """Print what is refused; returns the exit status."""
    status = 0
    for file in sorted(
        file for folder in folders for kind in FILES for file in Path(folder).rglob(kind)
    ):
        text = file.read_text(encoding="utf-8")
        said = [*comments(text), *(beginnings(text) if file.suffix == ".py" else ())]
        for line, word in sorted(said):
            if word in REFUSED:
                print(f"{file}:{line}: begins with {word!r}; name the thing, or use a verb")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
