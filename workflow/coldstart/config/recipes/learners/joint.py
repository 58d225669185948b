"""The recipe of a network that learns from labels and without them at once."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import SerializeAsAny, field_validator

from coldstart.config.recipes.encoders import ENCODERS, Trained, Training
from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.model import NonNegative


class Joint(Network):
    """A self-supervised loss on all images and cross-entropy on the labelled ones, in one step.

    Of ``method`` the objective, the views and the size of a batch count; the schedule and the
    optimiser are the learner's own.
    """

    learner: Literal["joint"]
    method: SerializeAsAny[Trained]
    """The recipe of an encoder with the same backbone."""
    weight: NonNegative = 1.0
    """Weight of the self-supervised loss beside the cross-entropy."""
    epochs_of: Literal["labelled", "unlabelled"] = "unlabelled"
    """The stream that counts the epochs; the other one is gone through beside it."""

    @field_validator("method", mode="before")
    @classmethod
    def _found(cls, value: Any) -> Any:
        return ENCODERS.adapter().validate_python(value) if isinstance(value, dict) else value

    def streams(self) -> Mapping[str, Training]:
        """Return both streams, first the one that counts the epochs."""
        streams: dict[str, Training] = {"labelled": self, "unlabelled": self.method}
        return {self.epochs_of: streams.pop(self.epochs_of), **streams}
