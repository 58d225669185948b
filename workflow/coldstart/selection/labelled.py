"""The labelled set at a budget, as a selection tells it."""

import pandas as pd

from coldstart.store import Artefact


def read_selection(selection: Artefact) -> pd.DataFrame:
    """Read the picks of every trial and budget, as stage ``select`` or ``query`` wrote them."""
    return pd.read_parquet(selection.path("selection.parquet"))


def labelled_rows(table: pd.DataFrame, trial: int, budget: int) -> pd.DataFrame:
    """Return the picks of one trial for one budget, in their order.

    Args:
        table: as ``read_selection`` gives it.
        trial: number of the trial; of a sampler that draws nothing the only one stands for all.
        budget: the number of labels.
    """
    trials = table["trial"].unique()
    chosen = trial if len(trials) > 1 else trials[0]
    rows: pd.DataFrame = table[(table["trial"] == chosen) & (table["budget"] == budget)]
    return rows.sort_values("rank")
