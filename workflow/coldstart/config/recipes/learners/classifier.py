"""The recipe of a network that is trained end to end on labels."""

from typing import Literal

from coldstart.config.recipes.learners.base import Network


class Classifier(Network):
    """A network trained end to end on the labelled images alone."""

    learner: Literal["classifier"]
