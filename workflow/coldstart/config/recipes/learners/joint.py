"""The recipe of a network that learns from labels and without them at once."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import SerializeAsAny, field_validator, model_validator

from coldstart.config.recipes.augmentations import Augmentation
from coldstart.config.recipes.encoders import ENCODERS, Trained, Training
from coldstart.config.recipes.learners.base import Network
from coldstart.config.recipes.model import NonNegative, Probability

Beside = Literal["all", "without-label", "as-many", "lowest-loss", "none"]


class Joint(Network):
    """A self-supervised loss beside cross-entropy on the labelled images, in one training.

    Of ``method`` the objective, the views and the size of a batch count; the schedule and the
    optimiser are the learner's own.
    """

    gives: ClassVar[frozenset[str]] = Network.gives | {"scores"}

    learner: Literal["joint"]
    method: SerializeAsAny[Trained]
    """The recipe of an encoder with the same backbone."""
    weight: NonNegative = 1.0
    """Weight of the self-supervised loss beside the cross-entropy."""
    unlabelled: Beside = "all"
    """Images that only the self-supervised loss sees: ``all`` of the pool, labelled ones too;
    those ``without-label``; of these ``as-many`` as are labelled, drawn at random; as many with the
    ``lowest-loss`` by the model of the cycle before (in the first cycle drawn); or ``none``."""
    on_labelled: bool = False
    """Add the self-supervised loss of the labelled images to their cross-entropy. If the learner's
    view is one of the method's, then it is drawn once for both."""
    turns: Literal["together", "alternating"] = "together"
    """Take one step of the optimiser for a labelled and an unlabelled batch, or one for each."""
    epochs_of: Literal["labelled", "unlabelled"] = "unlabelled"
    """The stream that counts the epochs; the other one is gone through beside it."""
    leaked: Probability = 0.0
    """Share of the unlabelled images on which there is cross-entropy too, with labels that nobody
    has bought. This is a mistake, of which the effect can be measured."""
    frozen_head: bool = False
    """Leave the linear layer as it is drawn; only the encoder learns from the cross-entropy."""

    @field_validator("method", mode="before")
    @classmethod
    def _found(cls, value: Any) -> Any:
        return ENCODERS.adapter().validate_python(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.unlabelled != "none":
            return self
        if not self.on_labelled:
            raise ValueError("the self-supervised loss sees no image: set `on_labelled`")
        if self.epochs_of != "labelled" or self.turns != "together" or self.leaked:
            raise ValueError(
                "there are no unlabelled images: `epochs_of` must be labelled, and `turns` and "
                "`leaked` must be left out"
            )
        return self

    @property
    def before(self) -> Sequence[str]:
        """Names of the inputs that are the model of the cycle before, which is asked for losses."""
        asked = ["before"] if self.unlabelled == "lowest-loss" else []
        return [*super().before, *asked]

    @property
    def forwards(self) -> float:
        """Passes through the backbone that a labelled image costs: there, back, and to a target."""
        views = len(self.method.views) if self.on_labelled else 0
        return 1 + 4 / 3 * self.method.forwards * views

    def images(self, labelled: int, unlabelled: int) -> int:
        """Return the number of images of the stream that counts the epochs.

        Args:
            labelled: images with a label.
            unlabelled: images of the pool.
        """
        if self.epochs_of == "labelled" or self.unlabelled in ("as-many", "lowest-loss"):
            return labelled
        return unlabelled

    @property
    def shared(self) -> int | None:
        """Number of the method's view that is classified too; None if the learner has its own."""
        same = [number for number, view in enumerate(self.method.views) if view == self.views[0]]
        return same[-1] if same else None

    @property
    def classified(self) -> int:
        """Number of the view that is classified, among those of which there is a method's loss."""
        return len(self.method.views) if self.shared is None else self.shared

    def streams(self) -> Mapping[str, Training]:
        """Return both streams, or the labelled one; first the one that counts the epochs."""
        seen = {"views": self._classified_too}
        labelled = self.model_copy(update=seen) if self.on_labelled else self
        streams: dict[str, Training] = {"labelled": labelled}
        if self.unlabelled != "none":
            leaking = self.method.model_copy(update=seen)
            streams["unlabelled"] = leaking if self.leaked else self.method
        return {self.epochs_of: streams.pop(self.epochs_of), **streams}

    @property
    def _classified_too(self) -> list[Augmentation]:
        """The method's views and, unless it is one of them, the one that is classified."""
        return [*self.method.views, *(self.views if self.shared is None else [])]
