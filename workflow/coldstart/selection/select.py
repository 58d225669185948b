"""Selection: one sampler's picks for every budget and seed of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from coldstart.data.read import read_ids
from coldstart.embeddings.tables import read_embeddings, read_scores
from coldstart.errors import ColdstartError
from coldstart.progress import log
from coldstart.running.job import Job
from coldstart.selection.base import SAMPLERS, Picks, Sampler, Tables


def make(job: Job) -> None:
    """``selection.parquet``: seed, budget, rank (from 0), id, score."""
    sampler = SAMPLERS.adapter().validate_python(job.recipe["sampler"])
    seeds = [(job.recipe["encoder_seed"], seed) for seed in range(job.recipe["seeds"])]
    tables = read_tables(job)
    budgets = fitting(job.recipe["budgets"], tables, job.recipe["excess"])
    picked = select(sampler, tables, budgets, seeds)
    picked.to_parquet(job.out / "selection.parquet", index=False)


def read_tables(job: Job) -> Tables:
    """Read the tables that the sampler declares, one row per candidate, and nothing else."""
    ids = read_ids(job.inputs["index"], "candidates")
    columns: dict[str, Any] = {}
    if "embeddings" in job.inputs:
        path = job.inputs["embeddings"].path("embeddings.parquet")
        columns["embeddings"] = _aligned(ids, *read_embeddings(path, "candidates"))
    if "scores" in job.inputs:
        columns["scores"] = _aligned(ids, *read_scores(job.inputs["scores"].path("scores.parquet")))
    if "clusters" in job.inputs:
        path = job.inputs["clusters"].path("embeddings.parquet")
        columns["clusters"] = _aligned(ids, *read_embeddings(path, "candidates")).argmax(axis=1)
    if "labelled" in job.inputs:
        path = job.inputs["labelled"].path("labels.parquet")
        columns["labelled"] = pd.read_parquet(path, columns=["id"])["id"].to_numpy()
    return Tables(ids, **columns)


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
    sampler: Sampler, tables: Tables, budgets: Mapping[int, int], seeds: Sequence[Sequence[int]]
) -> pd.DataFrame:
    """The picks for each budget and seed: seed (its number), budget, rank, id, score.

    A sampler whose picks nest is asked once per seed, for the largest budget.

    Args:
        sampler: picks.
        tables: what it reads.
        budgets: how many to pick for each.
        seeds: of the random generators, one after the other.
    """
    frames = []
    for number, seed in enumerate(seeds):
        if sampler.nested:
            whole = sampler.query(tables, max(budgets.values()), np.random.default_rng(seed))
            picks = [Picks(whole.ids[:size], whole.scores[:size]) for size in budgets.values()]
        else:
            picks = [
                sampler.query(tables, size, np.random.default_rng(seed))
                for size in budgets.values()
            ]
        frames += [
            pd.DataFrame(
                {
                    "seed": number,
                    "budget": budget,
                    "rank": np.arange(len(pick.ids)),
                    "id": pick.ids,
                    "score": pick.scores,
                }
            )
            for budget, pick in zip(budgets, picks, strict=True)
        ]
    return pd.concat(frames, ignore_index=True)


def _aligned(ids: np.ndarray, found: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``values`` in the order of ``ids``."""
    if np.array_equal(found, ids):  # as a rule; and a copy may not fit into memory
        return values
    order = np.argsort(found)
    if not np.array_equal(found[order], ids):
        raise ColdstartError(
            f"a table has {len(found)} candidates, but the pool has {len(ids)} or others; "
            "it was not made from this pool"
        )
    aligned: np.ndarray = values[order]
    return aligned
