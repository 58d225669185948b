"""The recipe of a network that is trained end to end on labels."""

from typing import ClassVar, Literal

from coldstart.config.recipes.learners.base import Network


class Classifier(Network):
    """A network trained end to end on the labelled images alone."""

    streams: ClassVar[tuple[str, ...]] = ("labelled",)

    learner: Literal["classifier"]
