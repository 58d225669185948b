"""The quality of encoders with all labels."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class SslQuality(Target):
    """Quality of each encoder with all labels, during its training and at its end."""

    kind: Literal["ssl-quality"]
    published: str | None = None
    """A table in ``workflow/papers/`` whose values stand in the table beside ours."""
    forms: ClassVar = frozenset({"figure", "table"})
    reads: ClassVar = frozenset({"probes"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        if form == "figure":
            return (
                "The quality of each encoder's embeddings, measured offline on frozen embeddings "
                "with the labels of all candidates: the share of test images that a vote of the "
                "nearest neighbours and a linear classifier get right, and the effective rank of "
                "the test embeddings. Epoch 0 is the encoder before training; level dotted lines "
                "are encoders that were not trained by epochs. Lines are means over encoder seeds, "
                "bands one standard deviation to each side."
            )
        return (
            "Each encoder at its end, measured offline on frozen embeddings with the labels of all "
            "candidates: the share of test images that a vote of the nearest neighbours (``knn``) "
            "and a linear classifier (``linear``) get right, and the spread of the test embeddings "
            "(``embedding-std``, ``effective-rank``): mean, standard deviation and number of "
            "encoder seeds; ``untrained`` is the same encoder before training."
        )
