"""Wins of each sampler over each other one."""

from typing import Literal

from coldstart.config.recipes.comparisons import Compared
from coldstart.config.recipes.targets import Form, metric_title


class PenaltyMatrix(Compared):
    """Number of budgets at which each sampler beats each other one, by paired t-tests."""

    kind: Literal["penalty-matrix"]

    @property
    def paired(self) -> bool:
        """True if single trials are compared, not means over trials."""
        return True

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "Wins of each row's sampler over each column's: the share of the numbers of labels at "
            f"which its {metric_title(self.metric)} is higher by a paired t-test over trials "
            "(0.05, not corrected), summed over runs. The last column has the means of the rows "
            "(how often a sampler beats the others), and the last row those of the columns (how "
            "often it is beaten). Samplers with one trial each are not tested."
        )
