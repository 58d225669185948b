"""Recipes of learners: what is trained on the labels, and judged on the test images."""

from typing import Literal

from coldstart.config.model import Model, Positive


class LogisticRegression(Model):
    """Multinomial logistic regression on frozen embeddings, with scikit-learn's objective."""

    learner: Literal["logistic-regression"]
    c: Positive = 1.0
    """Inverse strength of the L2 penalty (scikit-learn's ``C``)."""
    standardise: bool = False
    """Whether embeddings are first brought to mean 0 and variance 1 over the candidates."""


Learner = LogisticRegression
