"""All metrics of a study."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class Metrics(Target):
    """Every metric of the study, tidy: one row per value."""

    kind: Literal["metrics"]
    forms: ClassVar = frozenset({"table"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "Every metric, one row per value: accuracies such as top-1, average precision of each "
            "class, ``picked``, the number of labels of each class that were bought, and whatever "
            "else the runs measure. The column ``label`` is the class, empty where the metric is "
            "of all classes."
        )
