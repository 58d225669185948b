"""A table of tied picks: those that a sampler's acquisition score left to a second rule."""

import pandas as pd

from coldstart.config.recipes.figures.tied_picks import TiedPicks
from coldstart.figures.data import Shown

TRIAL = ["run", "encoder_seed", "sampler", "trial"]
QUERY = [*TRIAL, "budget"]


def tabulate(shown: Shown, target: TiedPicks) -> pd.DataFrame:
    """Count the tied picks of each query.

    Returns:
        A row per query: run, encoder_seed, sampler, trial, budget, picks, tied (number of picks
        with the score of the last one; 0 if no other has it) and share (tied / picks).
    """
    table = shown.cycles
    budgets = table[QUERY].drop_duplicates().sort_values("budget")
    budgets["before"] = budgets.groupby(TRIAL)["budget"].shift()
    # The first budget, with none before it, is dropped: the initial sampler made its picks.
    own = table.merge(budgets.dropna(), on=QUERY)
    own = own[own["rank"] >= own["before"]].sort_values("rank")
    last = own.groupby(QUERY)["score"].transform("last")
    counted = own.assign(tied=own["score"] == last).groupby(QUERY, sort=False)["tied"]
    found = counted.agg(picks="size", tied="sum").reset_index().sort_values(QUERY)
    found.loc[found["tied"] == 1, "tied"] = 0  # the last pick ties with no other
    return found.assign(share=found["tied"] / found["picks"]).reset_index(drop=True)
