"""The labelled set at a budget, as a selection tells it."""

import pandas as pd

from coldstart.store import Artefact


def labelled_rows(selection: Artefact, trial: int, budget: int) -> pd.DataFrame:
    """Read the picks of one trial for one budget, in their order.

    Args:
        selection: of stage ``select`` or ``query``.
        trial: number of the trial; of a sampler that draws nothing the only one stands for all.
        budget: the number of labels.
    """
    table = pd.read_parquet(selection.path("selection.parquet"))
    trials = table["trial"].unique()
    chosen = trial if len(trials) > 1 else trials[0]
    rows: pd.DataFrame = table[(table["trial"] == chosen) & (table["budget"] == budget)]
    return rows.sort_values("rank")
