"""Claims, such as those of a paper, and whether they hold here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from coldstart.config.recipes.budgets import of_run
from coldstart.config.recipes.figures.claims import Claim, Claims, Side
from coldstart.figures.data import Shown
from coldstart.statistics import ALPHA
from coldstart.statistics.blocks import WORDS, arrange
from coldstart.statistics.intervals import FEWEST, mean_interval
from coldstart.statistics.ranks import rank
from coldstart.statistics.ties import average, exceeds, tie

RANK = "rank-by-"
"""Before a metric: the average rank by it."""
CELL = ("run", "encoder-seed", "budget")
PLACE = ["run", "budget"]
ORDER = ("no", "undecided", "yes")
"""Answers from worst to best: a claim about each budget has the answer of its worst one."""


def tabulate(shown: Shown, target: Claims) -> pd.DataFrame:
    """Judge each claim by the 95 % t interval of its paired difference.

    Blocks are encoder seeds and trials, and runs where a claim is about several. If
    there are fewer than three, budgets are the blocks instead; these share their encoders, so that
    the interval is too narrow. A claim about each budget has an interval at each, over trials
    alone, with Bonferroni's correction; its row is of the budget at which it holds least.

    The best of the other samplers is the one with the best mean over all that the claim is about.

    Returns:
        claim, holds (``yes`` or ``no`` where the interval leaves no other answer, else
        ``undecided``), asked (direction and margin), against (the other side), ours and other
        (means), difference (ours - other), low and high (its 95 % interval; none for fewer than
        three blocks), blocks, block (its properties), and at (the budget, of a claim about each).
    """
    return pd.DataFrame([_judge(shown, claim) for claim in target.claims.values()])


def _judge(shown: Shown, claim: Claim) -> dict[str, Any]:
    against, frame = _beside(shown, claim)
    if not claim.each:
        judged = {**_interval(claim, _blocks(frame), ALPHA), "at": ""}
    else:
        places = frame.groupby(level=PLACE, sort=False)
        several = len(claim.ours.runs) > 1
        found = [
            {
                **_interval(claim, _draws(part), ALPHA / len(places)),
                "at": f"{budget} labels" + (f" of {run}" if several else ""),
            }
            for (run, budget), part in places
        ]
        rooms = tie(np.array([_room(claim, row) for row in found]))
        worst = min(range(len(found)), key=lambda at: (ORDER.index(found[at]["holds"]), rooms[at]))
        judged = found[worst]
    holds = {"claim": claim.says, "holds": judged.pop("holds")}
    return {**holds, "asked": _asked(claim), "against": against, **judged}


def _interval(claim: Claim, blocks: pd.DataFrame, alpha: float) -> dict[str, Any]:
    """Means over blocks, the interval of their difference, and the answer that it gives."""
    differences = blocks["difference"].to_numpy(dtype=float)
    low, high = mean_interval(differences, alpha)
    levels = [str(name) for name in blocks.index.names]
    telling = [name for name in levels if blocks.index.get_level_values(name).nunique() > 1]
    return {
        "holds": _holds(claim, low, high),
        **{name: float(blocks[name].mean()) for name in ("ours", "other")},
        "difference": average(differences),
        "low": low,
        "high": high,
        "blocks": len(blocks),
        "block": ", ".join(WORDS[name] for name in telling or levels),
    }


def _holds(claim: Claim, low: float, high: float) -> str:
    """``yes`` or ``no`` if the interval lies on one side of the margin, else ``undecided``."""
    if claim.direction == "alike":
        yes = exceeds(low, -claim.margin) and exceeds(claim.margin, high)
        no = exceeds(low, claim.margin) or exceeds(-claim.margin, high)
    else:
        nearest, farthest = (low, high) if claim.direction == "above" else (-high, -low)
        yes, no = exceeds(nearest, claim.margin), exceeds(claim.margin, farthest)
    return "yes" if yes else "no" if no else "undecided"


def _room(claim: Claim, row: dict[str, Any]) -> float:
    """Distance of a mean difference from the margin, positive on the claimed side."""
    difference = float(row["difference"])
    if claim.direction == "alike":
        return claim.margin - abs(difference)
    return (difference if claim.direction == "above" else -difference) - claim.margin


def _blocks(frame: pd.DataFrame) -> pd.DataFrame:
    """Means by trial, or by budget if there are too few trials for an interval."""
    draws = _draws(frame)
    if len(draws) >= FEWEST:
        return draws
    return frame.groupby(level=PLACE, sort=False).mean()


def _draws(frame: pd.DataFrame) -> pd.DataFrame:
    """Means over the budgets of each trial."""
    names = [name for name in frame.index.names if name != "budget"]
    return frame.groupby(level=names, sort=False).mean()


def _beside(shown: Shown, claim: Claim) -> tuple[str, pd.DataFrame]:
    """Both sides of a claim in each trial and at each budget.

    Returns:
        The name of the other side, and ours, other and difference by run, encoder_seed, seed and
        budget; without seed where neither side has more than one trial.
    """
    first, ours = _called(claim.ours), _values(shown, claim, claim.ours, claim.ours.samplers)
    if isinstance(claim.other, float):
        second = against = f"{claim.other:g}"
        other = ours.assign(value=claim.other)
    elif isinstance(claim.other, Side):
        second = against = _called(claim.other)
        other = _values(shown, claim, claim.other, claim.other.samplers)
        ours, other = _repeated(ours, other), _repeated(other, ours)
    else:
        second, other = _best_other(shown, claim)
        against = f"{second}, the best other"
    both = pd.concat([ours.assign(sampler=first), other.assign(sampler=second)])
    blocks = arrange(both, [first, second], [*CELL, "trial"])
    difference = blocks.differences(first, second)
    frame = blocks.values.groupby(level=list(difference.index.names), sort=False).mean()
    frame = frame.rename(columns={first: "ours", second: "other"})
    return against, frame.assign(difference=difference)


def _best_other(shown: Shown, claim: Claim) -> tuple[str, pd.DataFrame]:
    """The other sampler with the best mean, each run alike, and its values."""
    samplers = list(shown.runs[claim.ours.runs[0]]["samplers"])
    samplers.remove(claim.ours.samplers[0])
    values = _values(shown, claim, claim.ours, samplers)
    cells = arrange(values, samplers, CELL).values
    means = tie(cells.groupby(level="run").mean().mean())
    best = str(means.idxmin() if claim.ours.metric.startswith(RANK) else means.idxmax())
    return best, values[values["sampler"] == best]


def _values(shown: Shown, claim: Claim, side: Side, samplers: Sequence[str]) -> pd.DataFrame:
    """Values of some samplers by the metric of a side, at the budgets of the claim.

    Returns:
        run (the one of ours that it pairs with), encoder_seed, sampler, seed, budget and value.
    """
    metric = side.metric.removeprefix(RANK)
    frames = [
        _at_budgets(shown, claim, metric, side.label, name, run).assign(run=name)
        for name, run in zip(claim.ours.runs, side.runs, strict=True)
    ]
    table = pd.concat(frames)
    if metric == "picked":
        table["value"] /= table["budget"]
    if side.metric.startswith(RANK):
        table = _ranks(table, shown.runs[side.runs[0]]["samplers"])
    columns = ["run", "encoder_seed", "sampler", "trial", "budget", "value"]
    return table.loc[table["sampler"].isin(samplers), columns]


def _at_budgets(
    shown: Shown, claim: Claim, metric: str, label: int | None, name: str, run: str
) -> pd.DataFrame:
    """A run's values at the budgets of the claim; ``name`` is the run of ours beside it."""
    if not isinstance(claim.budgets, str):
        return shown.values(metric, label, of_run(claim.budgets, name), run)
    table = shown.values(metric, label, run=run)
    end = table["budget"].min() if claim.budgets == "first" else table["budget"].max()
    rows: pd.DataFrame = table[table["budget"] == end]
    return rows


def _ranks(table: pd.DataFrame, samplers: Sequence[str]) -> pd.DataFrame:
    """Rank of each sampler by its mean over trials, for each encoder and budget."""
    ranks = rank(arrange(table, samplers, CELL).values)
    return ranks.melt(ignore_index=False).reset_index().assign(trial=0)


def _repeated(values: pd.DataFrame, beside: pd.DataFrame) -> pd.DataFrame:
    """Repeat the values of a run with one encoder seed for each seed of the other side."""
    frames = []
    for run, part in values.groupby("run", sort=False):
        if part["encoder_seed"].nunique() == 1:
            seeds = beside.loc[beside["run"] == run, ["encoder_seed"]].drop_duplicates()
            part = part.drop(columns="encoder_seed").merge(seeds, how="cross")
        frames.append(part)
    return pd.concat(frames)


def _called(side: Side) -> str:
    """A name of a side that no other side has."""
    of = "" if side.label is None else f" of class {side.label}"
    return f"{', '.join(side.samplers)} ({', '.join(side.runs)}), {side.metric}{of}"


def _asked(claim: Claim) -> str:
    margin = f"{abs(claim.margin):g}"
    if claim.direction == "alike":
        return f"alike within {margin}"
    if claim.margin < 0:
        return f"at most {margin} {'below' if claim.direction == 'above' else 'above'}"
    return claim.direction + (f" by {margin}" if claim.margin else "")
