"""The samplers' average ranks."""

from typing import ClassVar, Literal

from coldstart.config.recipes.comparisons import Blocked, block_titles
from coldstart.config.recipes.targets import Form, metric_title


class AverageRank(Blocked):
    """The samplers' ranks by a metric, averaged over blocks; 1 is best."""

    kind: Literal["average-rank"]
    published: str | None = None
    """A table in ``workflow/papers/`` whose ranks stand beside ours."""
    forms: ClassVar = frozenset({"figure", "table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        ranks = (
            f"Ranks of the samplers by {metric_title(self.metric)}, 1 is best, averaged over "
            f"blocks, {block_titles(self.block)}. The values of a block are means over everything "
            "else. Ties share the average of their ranks."
        )
        if form == "figure":
            return (
                f"{ranks} Error bars are 95 % intervals of the mean by Student's t; blocks share "
                "encoders and labels, so the intervals describe and do not test."
            )
        return (
            f"{ranks} The columns are the average rank, its standard deviation over blocks, the "
            "number of blocks, the share of blocks in which the sampler is best (a tie is shared), "
            "and the 95 % interval of the mean by Student's t; blocks share encoders and labels, "
            "so it describes and does not test."
        )
