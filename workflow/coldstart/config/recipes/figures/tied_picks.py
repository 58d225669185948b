"""Recipe of the table of tied picks."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class TiedPicks(Target):
    """Number of picks of each query that have the same acquisition score as its last pick."""

    kind: Literal["tied-picks"]
    forms: ClassVar = frozenset({"table"})
    reads: ClassVar = frozenset({"cycles"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "The picks of each query whose acquisition score equals that of its last pick, if "
            "there are several: among candidates with this score a second rule chose, or chance. "
            "Most picks are tied where scores take few values, as votes of three members do."
        )
