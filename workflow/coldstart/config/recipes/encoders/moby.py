"""Recipe of MoBY."""

from typing import Literal, Self

from pydantic import model_validator

from coldstart.config.recipes.encoders import Following, Head, TwoViews
from coldstart.config.recipes.model import Count, Positive


class Moby(Following):
    """MoCo's queues with BYOL's asymmetry (Xie et al. 2021)."""

    method: Literal["moby"]
    projector: Head | None
    """Without one, embeddings are compared."""
    predictor: Head | None
    """Without one, both networks have the same layers."""
    views: TwoViews
    temperature: Positive
    queue: Count
    """Keys of earlier batches that are kept as negatives, of each view."""

    @property
    def projected(self) -> int:
        """Size of a projection."""
        return self.projector.widths[-1] if self.projector else self.dim

    @model_validator(mode="after")
    def _widths(self) -> Self:
        if self.predictor and self.predictor.widths[-1] != self.projected:
            raise ValueError(
                f"the predictor's last width, {self.predictor.widths[-1]}, must be the "
                f"projections', {self.projected}: it predicts them"
            )
        return self
