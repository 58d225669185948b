"""Images that have a label when a budget is spent: the rows of a selection."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from coldstart.store import Artefact


def labelled_rows(selection: Artefact, recipe: Mapping[str, Any]) -> pd.DataFrame:
    """The picks of one draw for one budget, in their order.

    Args:
        selection: of stage ``select`` or ``query``.
        recipe: its ``draw`` and ``labels`` say which.
    """
    table = pd.read_parquet(selection.path("selection.parquet"))
    chosen = (table["seed"] == recipe["draw"]) & (table["budget"] == recipe["labels"])
    rows: pd.DataFrame = table[chosen]
    return rows.sort_values("rank")
