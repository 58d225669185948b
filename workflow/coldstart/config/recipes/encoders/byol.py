"""Recipe of bootstrap your own latent."""

from typing import Literal

from coldstart.config.recipes.encoders import Predicting, TwoViews


class Byol(Predicting):
    """Bootstrap your own latent (Grill et al. 2020)."""

    method: Literal["byol"]
    views: TwoViews
