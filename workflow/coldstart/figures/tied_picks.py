"""The picks that a sampler's score left open."""

import pandas as pd

from coldstart.config.recipes.figures.tied_picks import TiedPicks
from coldstart.figures.data import Shown

TRIAL = ["run", "encoder_seed", "sampler", "trial"]
QUERY = [*TRIAL, "budget"]


def tabulate(shown: Shown, target: TiedPicks) -> pd.DataFrame:
    """One row per query: run, encoder_seed, sampler, trial, budget, picks, tied, share."""
    table = shown.cycles
    budgets = table[QUERY].drop_duplicates().sort_values("budget")
    budgets["before"] = budgets.groupby(TRIAL)["budget"].shift()
    # No score of the first cycle's is the sampler's: all begin with the initial one's picks.
    own = table.merge(budgets.dropna(), on=QUERY)
    own = own[own["rank"] >= own["before"]].sort_values("rank")
    last = own.groupby(QUERY)["score"].transform("last")
    counted = own.assign(tied=own["score"] == last).groupby(QUERY, sort=False)["tied"]
    found = counted.agg(picks="size", tied="sum").reset_index().sort_values(QUERY)
    found.loc[found["tied"] == 1, "tied"] = 0  # with none but itself
    return found.assign(share=found["tied"] / found["picks"]).reset_index(drop=True)
