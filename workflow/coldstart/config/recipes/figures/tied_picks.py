"""Recipe of a table of the picks that a sampler's score left open."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class TiedPicks(Target):
    """Number of picks of each query that have the score of the last one."""

    kind: Literal["tied-picks"]
    forms: ClassVar = frozenset({"table"})
    reads: ClassVar = frozenset({"cycles"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "Picks of each query whose score is that of the last pick, where several have it: "
            "among candidates with this score a second rule chose, or chance. Few votes, such as "
            "those of an ensemble of three, leave most picks open."
        )
