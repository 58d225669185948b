"""Blocks of code on the pages of the docs."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "results/reference/**/*.md")
    for path in ROOT.glob(pattern)
)

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*?) -->\n)?^ {0,4}```(?P<language>\w*)\n(?P<text>.*?)^ {0,4}```$",
    re.S | re.M,
)


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment above it that says who runs it, or why nobody does."""

    page: Path
    language: str
    text: str
    mark: str

    @property
    def not_run(self):
        """True if the comment above says so."""
        return self.mark.startswith("not run: ")

    def commands(self):
        """Pairs of a command, and the lines that it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.M)[1:]:
            yield tuple(part.split("\n", 1))


def blocks(page):
    """The blocks of a page, in their order."""
    for found in _BLOCK.finditer(page.read_text("utf-8")):
        yield Block(page, found["language"], found["text"], found["mark"] or "")
