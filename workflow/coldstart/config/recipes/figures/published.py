"""A paper's values beside ours."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target, paper_table


class Published(Target):
    """A paper's table, its values beside ours."""

    kind: Literal["published"]
    published: str
    """The table in ``workflow/papers/``."""
    forms: ClassVar = frozenset({"table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            f"The values of the paper ({paper_table(self.published)}) beside ours: mean, standard "
            "deviation and number of repetitions over encoder seeds and trials, and ours less "
            "the paper's. Cells are empty where the study has no such value."
        )
