"""The first picks of one sampler, with the names of their files."""

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


class ImageGrid(Target):
    """The first images that one sampler picked, each with its rank and the name of its file."""

    kind: Literal["image-grid"]
    count: Count
    reads: ClassVar = frozenset({"selections", "images"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"The first images that the sampler picked, in order, at most {self.count}, each with "
            "its rank and the end of its file's name. Images are cropped as for the encoder, and "
            "shown larger if their files are available."
        )

    def problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Yield a count above what the runs pick, and more than one sampler."""
        yield from count_problems(self.count, runs)
        picked = [{*one.samplers} & {*one.run.samplers} for one in runs.values()]
        if sum(map(len, picked)) != 1:
            yield "runs", "shows one sampler of one run: name a run, and one of its `samplers`"
