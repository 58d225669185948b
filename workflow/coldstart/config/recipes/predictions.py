"""Recipes of predictions: how models are asked what they make of an image."""

from typing import Self

from pydantic import model_validator

from coldstart.config.recipes.model import Count, Model


class Prediction(Model):
    """Models of one learner, and passes of each of them over the images."""

    members: Count = 1
    """Models that differ by their seed alone and vote together: an ensemble (Beluch et al. 2018).
    The first is the one that a run evaluates."""
    passes: Count = 1
    """Passes of each model, which differ where something in it draws (Gal et al. 2017)."""
    dropout: bool = False
    """Keep dropout active; BatchNorm stays in evaluation mode."""

    @model_validator(mode="after")
    def _passes_differ(self) -> Self:
        if self.passes > 1 and not self.dropout:
            raise ValueError(
                f"has {self.passes} passes, which are all the same without `dropout: true`"
            )
        return self
