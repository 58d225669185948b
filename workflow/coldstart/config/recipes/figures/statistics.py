"""Tests of every pair of samplers."""

from typing import ClassVar, Literal

from coldstart.config.recipes.comparisons import Blocked, block_titles
from coldstart.config.recipes.targets import Form, metric_title


class Statistics(Blocked):
    """Every pair of samplers: the mean difference, its interval, p, and which is better."""

    kind: Literal["statistics"]
    forms: ClassVar = frozenset({"table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"Every pair of samplers by {metric_title(self.metric)}, compared over blocks, "
            f"{block_titles(self.block)}. The values of a block are means over everything else. "
            "The columns are the mean difference (first less second) with its 95 % interval by "
            "Student's t over blocks (none for fewer than three), the number of blocks, the "
            "p-value of Wilcoxon's signed-rank test, the same with Holm's correction for the "
            "number of pairs, and which sampler is better at 0.05. Blocks of one encoder are not "
            "independent, so their p-values are too small."
        )
