"""Recipes of embeddings and of the scores that a self-supervised model gives each image."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.model import MOST, Count, Model


class Embedding(Model):
    """The encoder's output for one image."""

    output: Literal["features", "clusters"] = "features"
    """``clusters``: the probability of each of its clusters, of an encoder that has some."""
    bn_mode: Literal["eval", "train"] = "eval"
    """``train`` normalises by each batch's own statistics, as the BYOL-samplers code does."""
    mirrored: bool = False
    """Average the embeddings of the image and its mirror image; not for digits and letters."""
    unit: bool = False
    """Bring each embedding to Euclidean length 1, so that distances are those of directions."""
    batch_size: Count = 512
    """Images in one pass; with ``bn_mode: train`` it changes the numbers."""


class Score(Model):
    """A number per image and pass, from the model's own training objective."""

    score: Literal["loss", "grad-norm", "grad-embedding"]
    """``loss``: per-sample loss; ``grad-norm``: L2 norm of its gradient over all parameters;
    ``grad-embedding``: over the image's embeddings alone."""
    passes: Count = 5
    """Independent draws of the two views (M in Ganesh & Vento, Algorithms 3 and 4)."""
    views: list[Augmentation] = []
    """Named views: each pass is then made once for each of them, of the image as it is beside a
    view of it. Where there are none, a pass draws the views that the model was trained on."""
    negatives: Annotated[int, Field(ge=0, le=MOST)] = 4096
    """Images that make the bank of a contrastive loss; others have none. Without negatives the loss
    of every image is nought."""
    batch_size: Count = 256

    @property
    def rounds(self) -> int:
        """Values that each image gets."""
        return self.passes * max(1, len(self.views))

    @property
    def column(self) -> str:
        """Name of the value's column in the table of scores."""
        return self.score.replace("-", "_")
