"""Area under the budget curve."""

from typing import Literal

import numpy as np
import pandas as pd

from coldstart.common.errors import ColdstartError
from coldstart.statistics.intervals import mean_interval

Axis = Literal["linear", "log"]
AXES: tuple[Axis, ...] = ("linear", "log")
"""On a linear axis large budgets weigh most; on a logarithmic one each doubling weighs alike."""
DRAW = ["run", "encoder_seed", "sampler", "trial"]


def areas(values: pd.DataFrame) -> pd.DataFrame:
    """The area under the curve of each trial, by trapezia, divided by the span of its axis.

    So an area is a mean of the metric over the numbers of labels, in the metric's units.

    Args:
        values: tidy: run, encoder_seed, sampler, seed, budget and value; the mean is taken over
            classes where the metric is of one.

    Returns:
        run, encoder_seed, sampler, seed, axis and area.

    Raises:
        ColdstartError: a trial lacks a number of labels of its run, or a run has only one.
    """
    found = []
    for run, of_run in values.groupby("run", sort=False):
        if of_run["value"].isna().any():
            raise ColdstartError(f"run {run} has missing values, under which there is no area")
        curves = of_run.pivot_table(index=DRAW, columns="budget", values="value", sort=False)
        curves = curves.sort_index(axis=1)
        if curves.shape[1] < 2:
            raise ColdstartError(
                f"run {run} has one number of labels, over which there is no area; name runs with "
                "several under `runs` of the figure or table"
            )
        lacking = curves.columns[curves.isna().any()]
        if len(lacking):
            raise ColdstartError(
                f"not every trial of run {run} has values at {', '.join(map(str, lacking))} "
                "labels; name `budgets` in the figure or table that all have"
            )
        for axis in AXES:
            x = curves.columns.to_numpy(dtype=float)
            x = np.log(x) if axis == "log" else x
            area = np.trapezoid(curves.to_numpy(), x, axis=1) / (x[-1] - x[0])
            found.append(curves.index.to_frame(index=False).assign(axis=axis, area=area))
    return pd.concat(found, ignore_index=True)


def summarise_areas(table: pd.DataFrame) -> pd.DataFrame:
    """Mean area of each sampler with its 95 % interval by Student's t over trials.

    Args:
        table: what ``areas`` returns.

    Returns:
        run, sampler, axis, area, sd, draws (number of trials), low and high; no interval for fewer
        than three trials.
    """
    groups = table.groupby(["run", "sampler", "axis"], sort=False)["area"]
    summary = groups.agg(area="mean", sd="std", draws="size").reset_index()
    intervals = [mean_interval(draws.to_numpy(dtype=float)) for _, draws in groups]
    return summary.assign(low=[low for low, _ in intervals], high=[high for _, high in intervals])
