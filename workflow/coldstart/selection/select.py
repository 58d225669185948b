"""Selection: the picks of one sampler, before any label is bought and in each cycle after that."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from coldstart.common.errors import ColdstartError
from coldstart.common.progress import log
from coldstart.running.job import Job
from coldstart.selection.base import KNOWN, SAMPLERS, Known, Picks, Sampler, Tables
from coldstart.selection.labelled import labelled_rows, read_selection
from coldstart.selection.tables import read_known, read_tables


def make(job: Job) -> None:
    """``selection.parquet``: trial, budget, rank (from 0), id, score; every budget and trial."""
    sampler = _sampler(job)
    seeds = [(job.recipe["encoder_seed"], trial) for trial in range(job.recipe["trials"])]
    labelled = None
    if "labelled" in job.inputs:
        path = job.inputs["labelled"].path("labels.parquet")
        labelled = pd.read_parquet(path, columns=["id"])["id"].to_numpy()
    tables = read_tables(job, sampler, labelled)
    budgets = fitting(job.recipe["budgets"], tables, job.recipe["excess"])
    known = read_known(job.inputs[KNOWN]) if KNOWN in job.inputs else None
    picked = select(sampler, tables, budgets, seeds, known)
    picked.to_parquet(job.out / "selection.parquet", index=False)


def make_query(job: Job) -> None:
    """``selection.parquet`` as ``make`` writes it, of one budget and one trial.

    It holds all labels of that budget: those of the cycle before, and after them the new picks. If
    outliers are returned, one that was bought before may be among these again.
    """
    sampler, budget, trial = _sampler(job), job.recipe["budget"], job.recipe["trial"]
    selection = read_selection(job.inputs["selection"])
    before = labelled_rows(selection, trial, job.recipe["before"])
    bought = before["id"].to_numpy()
    known = read_known(job.inputs[KNOWN]) if KNOWN in job.inputs else None
    if known is not None and job.recipe.get("outliers") == "returned":
        bought = bought[np.isin(bought, known.ids)]
    tables = read_tables(job, sampler, bought)
    rng = np.random.default_rng((job.recipe["encoder_seed"], trial, budget))
    asked = known if KNOWN in sampler.reads else None
    picks = sampler.query(tables, budget - len(before), rng, asked)
    pd.DataFrame(
        {
            "trial": trial,
            "budget": budget,
            "rank": np.arange(budget),
            "id": np.concatenate([before["id"], picks.ids]),
            "score": np.concatenate([before["score"], picks.scores]),
        }
    ).to_parquet(job.out / "selection.parquet", index=False)


def _sampler(job: Job) -> Sampler:
    return SAMPLERS.adapter().validate_python(job.recipe["sampler"])


def fitting(budgets: Sequence[int], tables: Tables, excess: str) -> dict[int, int]:
    """Return the number of picks for each budget: the budget, or what is left if it may be cut.

    Raises:
        ColdstartError: the budgets are to be cut, and no image is left.
    """
    left = int(tables.left.sum())
    if excess == "refuse" or max(budgets) <= left:
        return {budget: budget for budget in budgets}
    if left == 0:
        raise ColdstartError(
            f"all {len(tables.ids)} images that could be read have a label already: none is left "
            "to pick. Add images, or mend those that could not be read; or take rows out of the "
            "file that `labelled` names"
        )
    log.warning("budget %d is cut to the %d images without a label", max(budgets), left)
    return {budget: min(budget, left) for budget in budgets}


def select(
    sampler: Sampler,
    tables: Tables,
    budgets: Mapping[int, int],
    seeds: Sequence[Sequence[int]],
    known: Known | None = None,
) -> pd.DataFrame:
    """The picks for each budget and trial: trial (its number), budget, rank, id, score.

    A sampler whose picks nest is asked once per trial, for the largest budget.

    Args:
        sampler: picks.
        tables: what it reads.
        budgets: how many to pick for each.
        seeds: of the random generator of each trial.
        known: labels that are given, where the sampler reads them.
    """
    frames = []
    for trial, seed in enumerate(seeds):
        if sampler.nested:
            whole = sampler.query(tables, max(budgets.values()), np.random.default_rng(seed), known)
            picks = [Picks(whole.ids[:size], whole.scores[:size]) for size in budgets.values()]
        else:
            picks = [
                sampler.query(tables, size, np.random.default_rng(seed), known)
                for size in budgets.values()
            ]
        frames += [
            pd.DataFrame(
                {
                    "trial": trial,
                    "budget": budget,
                    "rank": np.arange(len(pick.ids)),
                    "id": pick.ids,
                    "score": pick.scores,
                }
            )
            for budget, pick in zip(budgets, picks, strict=True)
        ]
    return pd.concat(frames, ignore_index=True)
