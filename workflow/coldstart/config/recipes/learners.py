"""Recipes of learners: what is trained on the labels, and judged on the test images."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.config.model import Model, Positive
from coldstart.config.recipes.encoders import OneView, Training


class LogisticRegression(Model):
    """Multinomial logistic regression on frozen embeddings, with scikit-learn's objective."""

    learner: Literal["logistic-regression"]
    c: Positive = 1.0
    """Inverse strength of the L2 penalty (scikit-learn's ``C``)."""
    tolerance: Positive | None = None
    """Relative decrease of the objective that a further step is expected to give when a fit stops:
    1e-4 is about as exact as scikit-learn's default stop. Without it coefficients are exact to 3e-4
    of their norm."""
    standardise: bool = False
    """Standardise embeddings to mean 0 and variance 1 over the candidates first."""


class Classifier(Training):
    """A network trained end to end on the labelled images alone, its weights drawn anew."""

    learner: Literal["classifier"]
    views: OneView

    @property
    def called(self) -> str:
        """Name of the training in messages."""
        return self.learner


Learner = Annotated[LogisticRegression | Classifier, Field(discriminator="learner")]
