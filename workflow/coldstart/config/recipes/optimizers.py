"""Recipes of optimisers and of their learning-rate schedules."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from coldstart.config.recipes.model import Count, Model, NonNegative, Positive, Probability


class Optimizer(Model):
    """The optimiser and its learning-rate schedule."""

    name: Literal["sgd", "adam", "adamw", "lars"]
    lr: Positive
    weight_decay: NonNegative = 0.0
    decayed: Literal["all", "weights"] = "all"
    """Parameters that ``weight_decay`` acts on: all, or all but biases and BatchNorm's. ``lars``
    always takes the latter."""
    momentum: Probability = 0.9
    """Only ``sgd`` and ``lars`` read it."""
    nesterov: bool = False
    """Only ``sgd`` reads it: whether the momentum looks ahead."""
    trust: Positive = 1e-3
    """Only ``lars`` reads it: how far a weight may move in a step, relative to its norm, times
    ``lr`` (You et al. 2017, eta)."""
    schedule: Literal["constant", "cosine", "step"] = "constant"
    milestones: list[Count] = []
    """Only ``step`` reads them: epochs after each of which the learning rate falls, ascending."""
    factor: Probability = 0.1
    """Only ``step`` reads it: what the learning rate is multiplied by at a milestone."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs over which the learning rate rises linearly from nought."""

    @model_validator(mode="after")
    def _milestones(self) -> "Optimizer":
        if self.schedule == "step" and not self.milestones:
            raise ValueError("schedule `step` needs milestones: epochs after which lr falls")
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"milestones must ascend, and are {self.milestones}")
        return self
