"""The data sheet of a pool."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class DataSheet(Target):
    """Contents of a pool; every pool has one, and no study needs to ask for it."""

    kind: Literal["data-sheet"]
    reads: ClassVar = frozenset({"images", "labels", "index"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "The images of each class (up to 24 classes, evenly spaced) in each split of the pool, "
            "and examples of the candidates. The note has the mean and the standard deviation of "
            "the unlabeled images' channels, and the keys of images and pool."
        )
