"""Runs: what a study makes of one pool."""

from typing import Annotated, Literal

from pydantic import Field

from coldstart.common.errors import ColdstartError
from coldstart.config.recipes.budgets import Budgets
from coldstart.config.recipes.model import MOST, Model, Text, Trials

Seeds = Annotated[list[Annotated[int, Field(ge=0, le=MOST)]], Field(min_length=1, max_length=1_000)]


class Run(Model):
    """One pool, and an encoder if anybody reads it, under several samplers, seeds and budgets."""

    title: Text | None = None
    """Name of the run in figures; unless given, what tells it from the other runs."""
    pool: str
    """Recipe of the images, in ``pools.yaml``."""
    encoder: str | None = None
    """Recipe in ``encoders.yaml``. It may be left out if no sampler, learner, figure or table of
    the run reads it."""
    encoder_seeds: Seeds = [0]
    """An encoder is trained anew for each."""
    embedding: str = "frozen"
    """Recipe of what is read of the encoder, in ``embeddings.yaml``."""
    samplers: list[str] = []
    """Samplers that pick once, before any label is bought. With ``labelled`` they may read what a
    classifier of those labels predicts. A run without any sampler is of its encoder alone."""
    queried: list[str] = []
    """Samplers that are queried in each cycle: they read the tables that a learner trained on the
    labels so far gives of the candidates, in the place of the encoder's."""
    initial: str = "random"
    """The sampler whose picks for the first budget all samplers that are queried start from."""
    trials: Trials = 5
    """Repetitions of each sampler that is random; the others have one. A learner that is trained on
    images has as many with every sampler."""
    budgets: Budgets = []
    """Numbers of labels. ``{from, to, step}`` stands for a range, its end included."""
    outliers: Literal["removed", "returned"] = "removed"
    """Images of no class that were bought: they are not picked again, or go back to the candidates
    and may be bought once more. Either way each cost a label and teaches nothing."""
    learner: str = "logistic-regression"
    """Recipe in ``learners.yaml`` of what is trained on the labels."""
    prediction: str = "plain"
    """Recipe of the predictions by which a learner that is trained on images is evaluated."""
    metrics: Annotated[list[str], Field(min_length=1)] = [
        "top-1",
        "top-2",
        "top-3",
        "average-precision",
        "picked",
        "outliers",
    ]
    """Metrics that are measured of each learner and its labelled set."""
    probe: str = "knn-linear"
    """Recipe that measures the encoder where a figure or table asks for it."""
    labelled: str | None = None
    """A data set with the images of the pool's, whose labels say which have one already: these are
    not picked again, and samplers start from them."""
    excess: Literal["refuse", "cut"] = "refuse"
    """If a budget exceeds the unlabelled candidates: raise an error, or pick all of them."""

    @property
    def read_encoder(self) -> str:
        """Name of the encoder, for what reads it.

        Raises:
            ColdstartError: the run has none.
        """
        if self.encoder is None:
            raise ColdstartError(
                f"a run of pool `{self.pool}` has no encoder, and one is read: name it under "
                "`encoder`"
            )
        return self.encoder
