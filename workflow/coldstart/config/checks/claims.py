"""Checks of claims: their runs, samplers and budgets exist, and their draws make pairs."""

from collections.abc import Mapping

from coldstart.config.loading.problems import Problems
from coldstart.config.recipes.budgets import of_run
from coldstart.config.recipes.studies import Run
from coldstart.config.recipes.targets import Claim, Claims, Side
from coldstart.errors import nearest


def check_claims(
    target: Claims, runs: Mapping[str, Run], file: str, path: str, problems: Problems
) -> None:
    """Note every claim that its runs cannot answer.

    Args:
        target: the table.
        runs: those that it shows, by name.
        file: the study's.
        path: of the table, in the file.
        problems: where to note them.
    """
    for name, claim in target.claims.items():
        where = f"{path}.claims.{name}"
        sound = [
            _check_side(side, runs, file, f"{where}.{key}", problems)
            for key, side in zip(("ours", "other"), claim.sides, strict=False)
        ]
        if claim.direction == "alike" and claim.margin <= 0:
            problems.add(file, f"{where}.margin", "`alike` needs one above nought: how far apart")
        if all(sound):
            _check_others(claim, runs, file, where, problems)
            _check_budgets(claim, runs, file, where, problems)
        if all(sound) and isinstance(claim.other, Side):
            _check_pairs(claim, claim.other, runs, file, f"{where}.other", problems)


def _check_side(
    side: Side, runs: Mapping[str, Run], file: str, path: str, problems: Problems
) -> bool:
    """Return True if the runs of one side are shown and have its sampler."""
    before = len(problems.lines)
    for name in side.runs:
        if name not in runs:
            problems.add(file, f"{path}.runs", f"shows no run `{name}`{nearest(name, runs)}")
            continue
        samplers = _samplers(runs[name])
        if side.sampler not in samplers:
            what = f"run `{name}` has no sampler `{side.sampler}`{nearest(side.sampler, samplers)}"
            problems.add(file, f"{path}.sampler", what)
    if side.metric.endswith(("average-precision", "picked")) != (side.label is not None):
        what = "belongs to the metrics average-precision and picked, which need it"
        problems.add(file, f"{path}.label", what)
    return len(problems.lines) == before


def _check_others(
    claim: Claim, runs: Mapping[str, Run], file: str, path: str, problems: Problems
) -> None:
    """Check that there are samplers to rank among, the same ones in all runs of ``ours``."""
    if claim.other != "best-other" and not claim.ours.metric.startswith("rank-by-"):
        return
    samplers = [{*_samplers(runs[name])} for name in claim.ours.runs]
    if len(samplers[0]) < 2:
        problems.add(file, f"{path}.ours.runs", "has no other sampler: name a run that has several")
    elif any(some != samplers[0] for some in samplers):
        problems.add(file, f"{path}.ours.runs", "have different samplers: name runs with the same")


def _check_budgets(
    claim: Claim, runs: Mapping[str, Run], file: str, path: str, problems: Problems
) -> None:
    """Check that each run of ``ours`` has the budgets of the claim."""
    if isinstance(claim.budgets, dict) and {*claim.budgets} != {*claim.ours.runs}:
        what = f"names {_listed(claim.budgets)}, but the runs of `ours` are "
        problems.add(file, f"{path}.budgets", what + _listed(claim.ours.runs))
        return
    others = claim.other.runs if isinstance(claim.other, Side) else claim.ours.runs
    for name, beside in zip(claim.ours.runs, others, strict=False):
        budgets = of_run(claim.budgets, name)
        if budgets is None and runs[name].budgets != runs[beside].budgets:
            what = f"is missing, and runs `{name}` and `{beside}` have different ones"
            problems.add(file, f"{path}.budgets", what)
        for run in dict.fromkeys((name, beside)):
            lacking = [budget for budget in budgets or [] if budget not in runs[run].budgets]
            if lacking:
                what = f"run `{run}` has no budget {', '.join(map(str, lacking))}"
                problems.add(file, f"{path}.budgets", what)


def _check_pairs(
    claim: Claim, other: Side, runs: Mapping[str, Run], file: str, path: str, problems: Problems
) -> None:
    """Check that each trial of a run pairs with one of the other run."""
    if other == claim.ours:
        problems.add(file, path, "is the same as `ours`")
    if other.metric != claim.ours.metric:
        problems.add(file, f"{path}.metric", f"is not that of `ours`, `{claim.ours.metric}`")
    if len(other.runs) != len(claim.ours.runs):
        problems.add(file, f"{path}.runs", "are not as many as those of `ours`")
        return
    for name, beside in zip(claim.ours.runs, other.runs, strict=True):
        first, second = runs[name], runs[beside]
        if first.sampler_seeds != second.sampler_seeds:
            what = f"run `{beside}` has another number of `sampler_seeds` than `{name}`"
            problems.add(file, f"{path}.runs", what)
        several = len(first.encoder_seeds) > 1 and len(second.encoder_seeds) > 1
        if several and {*first.encoder_seeds} != {*second.encoder_seeds}:
            what = f"run `{beside}` has other `encoder_seeds` than `{name}`"
            problems.add(file, f"{path}.runs", what)


def _samplers(run: Run) -> list[str]:
    return [*run.samplers, *run.queries]


def _listed(names: Mapping[str, object] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
