"""Differences from a baseline."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coldstart.common.errors import nearest
from coldstart.config.recipes.comparisons import Compared, block_titles
from coldstart.config.recipes.targets import (
    Form,
    Problem,
    ShownRuns,
    metric_title,
)


class PairedDifferences(Compared):
    """Each sampler's metric less a baseline's, at each number of labels and on average."""

    kind: Literal["paired-differences"]
    baseline: str
    """The sampler that the others are compared with."""
    block: Annotated[list[Literal["run", "encoder-seed", "trial"]], Field(min_length=1)] = [
        "run",
        "encoder-seed",
        "trial",
    ]
    """Properties that tell the blocks at one budget apart, over which the interval is taken."""
    forms: ClassVar = frozenset({"figure", "table"})

    @property
    def paired(self) -> bool:
        """True if single trials are compared, not means over trials."""
        return "trial" in self.block

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"The {metric_title(self.metric)} of each sampler less that of {self.baseline}, at "
            f"each number of labels: means over blocks, {block_titles(self.block)}. Intervals are "
            "95 % intervals of the mean by Student's t over blocks, from three blocks on; the "
            "average is of each block's mean over the numbers of labels."
        )

    def _sampler_problems(self, runs: ShownRuns) -> Iterator[Problem]:
        """Check that the runs have the same samplers, and the baseline among them."""
        found = list(super()._sampler_problems(runs))
        yield from found
        for shown in list(runs.values())[:1] if not found else ():
            if self.baseline not in shown.samplers:
                hint = nearest(self.baseline, shown.samplers)
                yield "baseline", f"its runs have no sampler `{self.baseline}`{hint}"
