"""Findings in sentences."""

from typing import ClassVar, Literal

from coldstart.config.recipes.comparisons import Blocked, block_titles
from coldstart.config.recipes.targets import Form, metric_title


class Findings(Blocked):
    """Findings about the samplers, in sentences."""

    kind: Literal["findings"]
    forms: ClassVar = frozenset({"table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"Findings of the statistics about the samplers by {metric_title(self.metric)}, in "
            f"sentences, over blocks, {block_titles(self.block)}. The values of a block are means "
            "over everything else."
        )
