"""A paper's table, its values beside ours."""

import pandas as pd

from coldstart.config.recipes.figures.published import Published
from coldstart.figures.data import Shown, summarise

COLUMNS = ["run", "sampler", "budget", "metric", "label"]


def tabulate(shown: Shown, target: Published) -> pd.DataFrame:
    """One row per value that the paper has of these runs.

    Returns:
        run, sampler, budget, metric, label, paper (its value), ours (mean over all trials), sd, n
        and difference (ours - paper); ours is missing where the study has no such value.
    """
    assert shown.published is not None  # the target names the table, so it was read
    paper = shown.published.astype({"label": "Int64"}).rename(columns={"value": "paper"})
    paper = paper[paper["run"].isin(list(shown.runs))]
    ours = summarise(shown.metrics, COLUMNS).rename(columns={"mean": "ours"})
    table = paper.merge(ours, how="left", on=COLUMNS, validate="one_to_one")
    table["n"] = table["n"].fillna(0).astype(int)
    table["difference"] = table["ours"] - table["paper"]
    return table[[*COLUMNS, "paper", "ours", "sd", "n", "difference"]]
