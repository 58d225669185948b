"""Recipes of embeddings and of the scores that a self-supervised model gives each image."""

from typing import ClassVar, Literal

from coldstart.config.model import Count, Model


class Embedding(Model):
    """The encoder's output for one image."""

    bn_mode: Literal["eval", "train"] = "eval"
    """``train`` normalises by each batch's own statistics, as the BYOL-samplers code does."""
    batch_size: Count = 512
    """Images in one pass; with ``bn_mode: train`` it changes the numbers."""


class Score(Model):
    """A number per image and pass, from the model's own training objective."""

    score: Literal["loss", "grad-norm"]
    """``loss``: per-sample loss; ``grad-norm``: L2 norm of its gradient over all parameters."""
    passes: Count = 5
    """Independent draws of the two views (M in Ganesh & Vento, Algorithms 3 and 4)."""
    batch_size: Count = 256

    needs: ClassVar[frozenset[str]] = frozenset({"byol"})
    """The methods whose models have such a score."""

    @property
    def column(self) -> str:
        """Name of the value's column in the table of scores."""
        return self.score.replace("-", "_")
