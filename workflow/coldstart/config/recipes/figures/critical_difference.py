"""Average ranks with their critical difference."""

from typing import Literal

from coldstart.config.recipes.comparisons import Blocked, block_titles
from coldstart.config.recipes.targets import Form, metric_title


class CriticalDifference(Blocked):
    """Average ranks on a line, with bars that join the samplers which are not told apart."""

    kind: Literal["critical-difference"]
    test: Literal["wilcoxon-holm", "nemenyi"] = "wilcoxon-holm"
    """Test of a pair of samplers. Nemenyi's test counts only if Friedman's test rejects."""

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        test = (
            "Nemenyi's test: their ranks differ by less than the critical difference"
            if self.test == "nemenyi"
            else "Wilcoxon's signed-rank test with Holm's correction"
        )
        return (
            f"Average ranks of the samplers by {metric_title(self.metric)}, 1 is best, over "
            f"blocks, {block_titles(self.block)}. The values of a block are means over everything "
            "else. Bars join samplers, marked by dots, that do not differ significantly (0.05) by "
            f"{test}. The note has Friedman's test of all samplers, with the correction of Iman "
            "and Davenport; the p-value of each pair is in the file of numbers."
        )
