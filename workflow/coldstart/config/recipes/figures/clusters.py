"""An encoder's own clusters."""

from typing import ClassVar, Literal

from coldstart.config.recipes.targets import Form, Target


class Clusters(Target):
    """Clusters that an encoder makes of the candidates, and their match with the classes."""

    kind: Literal["clusters"]
    published: str | None = None
    """A table in ``workflow/papers/`` whose values stand in the table beside ours."""
    forms: ClassVar = frozenset({"figure", "table"})
    reads: ClassVar = frozenset({"clusters", "labels"})

    def caption(self, form: Form) -> str:
        """The text below the title in the report, in reStructuredText."""
        if form == "figure":
            return (
                "The number of candidates in each cluster that the encoder itself assigns, the "
                "largest first: bars are means over encoder seeds, and dots single ones; the "
                "dotted line is where all are of one size. Measured without labels: empty "
                "clusters, the entropy of the sizes in nats beside its largest value, and the mean "
                "probability of an image's most probable cluster. Measured with labels, where the "
                "pool has some: accuracy with each cluster given one class so that most labels are "
                "right, normalised mutual information (NMI) and adjusted Rand index (ARI)."
            )
        return (
            "The clusters that each encoder itself assigns to the candidates: mean, standard "
            "deviation and number of encoder seeds. Measured without labels: ``empty_clusters``, "
            "``size_entropy`` (of the clusters' sizes, in nats) and ``confidence`` (the mean "
            "probability of an image's most probable cluster). Measured with labels, where the "
            "pool has some: ``accuracy`` with each cluster given one class so that most labels are "
            "right, ``nmi`` (normalised mutual information) and ``ari`` (adjusted Rand index)."
        )
