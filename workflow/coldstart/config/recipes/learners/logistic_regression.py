"""The recipe of logistic regression on frozen embeddings."""

from typing import ClassVar, Literal

from coldstart.config.recipes.learners.base import Learner
from coldstart.config.recipes.model import Positive


class LogisticRegression(Learner):
    """Multinomial logistic regression on frozen embeddings, with scikit-learn's objective."""

    gives: ClassVar[frozenset[str]] = frozenset({"predictions", "votes"})
    learns_from: ClassVar[Literal["images", "embeddings"]] = "embeddings"

    learner: Literal["logistic-regression"]
    c: Positive = 1.0
    """Inverse strength of the L2 penalty (scikit-learn's ``C``)."""
    tolerance: Positive | None = None
    """Relative decrease of the objective that a further step is expected to give when a fit stops:
    1e-4 is about as exact as scikit-learn's default stop. Without it coefficients are exact to 3e-4
    of their norm."""
    standardise: bool = False
    """Standardise embeddings to mean 0 and variance 1 over the candidates first."""
