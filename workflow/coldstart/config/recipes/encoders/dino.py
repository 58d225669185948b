"""Recipe of self-distillation with no labels."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.encoders import Following, Head
from coldstart.config.recipes.model import Count, Positive, Probability


class Dino(Following):
    """Self-distillation with no labels (Caron et al. 2021)."""

    method: Literal["dino"]
    views: Annotated[list[Augmentation], Field(min_length=2)]
    """The first two are global ones, which the teacher sees too; all others are local."""
    projector: Head
    """Up to the bottleneck, whose unit vectors meet the prototypes."""
    prototypes: Count
    """Outputs of the last layer (K)."""
    temperature: Positive = 0.1
    """Temperature of the student's softmax."""
    teacher_temperature: Positive = 0.07
    teacher_temperature_start: Positive = 0.04
    """The teacher's temperature at the first step; it rises linearly over the warm-up."""
    teacher_warmup_epochs: Annotated[int, Field(ge=0)] = 30
    centre_momentum: Probability = 0.9
    """Share of the old centre that each step keeps."""
    frozen_epochs: Annotated[int, Field(ge=0)] = 1
    """Epochs at the start in which the last layer is left as it is."""
