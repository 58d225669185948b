"""The course of trainings."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class TrainingCurves(Target):
    """Course of each encoder's training by epoch; runs without epochs (PCA) are left out."""

    kind: Literal["training-curves"]
    reads: ClassVar = frozenset({"histories"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        return (
            "The course of each training by epoch, a line per run and encoder seed: the mean loss, "
            "the learning rate, and the spread of the embeddings of up to 512 of its images, as "
            "the standard deviation of unit vectors, averaged over dimensions, and as the "
            "effective rank: exp of the entropy of the singular values. Both fall where a training "
            "collapses. Encoders that are not trained by epochs are left out."
        )
