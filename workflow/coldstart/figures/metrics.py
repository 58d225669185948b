"""Every metric of the study, tidy."""

import pandas as pd

from coldstart.config.recipes.figures.metrics import Metrics
from coldstart.figures.data import Shown


def tabulate(shown: Shown, target: Metrics) -> pd.DataFrame:
    """The table of metrics as it is: one row per value, with its run, pool and encoder."""
    return shown.metrics
