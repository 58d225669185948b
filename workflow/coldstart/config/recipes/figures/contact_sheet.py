"""The first picks of several samplers."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from coldstart.config.recipes.model import Count
from coldstart.config.recipes.targets import (
    Form,
    Problem,
    ShownRuns,
    Target,
    count_problems,
)


class ContactSheet(Target):
    """The first images that each sampler picked, in order."""

    kind: Literal["contact-sheet"]
    count: Count
    reads: ClassVar = frozenset({"selections", "images"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"The first {self.count} images that each sampler picked, in order from left to right, "
            "for the first encoder seed and the first trial. If a sampler's picks depend on "
            "the number of labels, those of the smallest sufficient number are shown."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield a count above what the runs pick."""
        yield from count_problems(self.count, runs)
