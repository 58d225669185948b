"""Checks of comparisons: samplers are compared on equal pools, seeds and budgets."""

from collections.abc import Mapping

from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import Recipes
from coldstart.config.recipes.budgets import of_run
from coldstart.config.recipes.learners import Classifier
from coldstart.config.recipes.studies import Run
from coldstart.config.recipes.targets import BudgetArea, Compared, PairedDifferences, PenaltyMatrix
from coldstart.errors import nearest


def check_compared(
    target: Compared,
    named: Mapping[str, Run],
    file: str,
    path: str,
    recipes: Recipes,
    problems: Problems,
) -> None:
    """Note where the runs lack what is to be held against each other.

    Args:
        target: the figure or table.
        named: the runs that it shows, by name.
        file: the study's.
        path: of the target, in the file.
        recipes: those of samplers and learners are asked for.
        problems: where to note them.
    """
    runs = list(named.values())
    if isinstance(target.budgets, dict):
        _check_budgets_by_run(target.budgets, named, file, path, problems)
    counted = {name: _counted(target, name, run) for name, run in named.items()}
    for name in counted:
        if not counted[name] and any(counted.values()):
            what = f"are none of run `{name}`, which is shown: name runs that have some"
            problems.add(file, f"{path}.budgets", what)
    if isinstance(target, BudgetArea) and any(len(some) < 2 for some in counted.values()):
        problems.add(file, f"{path}.runs", "an area needs runs with two budgets or more")
    if target.series == "run-and-sampler":
        _check_series(target, named, file, path, recipes, problems)
    elif not isinstance(target, BudgetArea):
        _check_samplers(target, runs, file, path, problems)


def _check_budgets_by_run(
    budgets: Mapping[str, list[int]],
    named: Mapping[str, Run],
    file: str,
    path: str,
    problems: Problems,
) -> None:
    """Check that budgets by run name the runs that are shown, and all of them."""
    for name in budgets.keys() - named.keys():
        what = f"is no run that is shown{nearest(name, named)}"
        problems.add(file, f"{path}.budgets.{name}", what)
    for name, run in named.items():
        lacking = [budget for budget in budgets.get(name, []) if budget not in run.budgets]
        if name not in budgets:
            problems.add(file, f"{path}.budgets", f"says nothing of run `{name}`, which is shown")
        elif lacking:
            what = f"the run has no budget {', '.join(map(str, lacking))}"
            problems.add(file, f"{path}.budgets.{name}", what)


def _check_series(
    target: Compared,
    named: Mapping[str, Run],
    file: str,
    path: str,
    recipes: Recipes,
    problems: Problems,
) -> None:
    """Check that there are two series or more, and that each trial pairs with one of every run."""
    runs = named.values()
    series = sum(len(run.samplers) + len(run.queries) for run in runs)
    if runs and series < 2 and not isinstance(target, BudgetArea):
        what = "holds the samplers of runs against each other: name runs that have two or more"
        problems.add(file, f"{path}.runs", what)
    for what, parts in (
        ("some of one pool", {run.pool for run in runs}),
        ("some with the same `encoder_seeds`", {frozenset(run.encoder_seeds) for run in runs}),
        ("`budgets` that all have", {_counted(target, name, run) for name, run in named.items()}),
        (
            "some with the same `sampler_seeds`",
            # The one draw of a run stands beside each draw of another.
            {_draws(run, recipes) for run in runs} - {1} if _pairs_draws(target) else set(),
        ),
    ):
        if len(parts) > 1:
            problems.add(file, f"{path}.runs", f"holds runs against each other: name {what}")
    titled = [
        f"{run.title} {sampler}"
        for run in runs
        for sampler in run.samplers
        if run.title is not None
    ]
    for name in {name for name in titled if titled.count(name) > 1}:
        problems.add(file, f"{path}.runs", f"two are called `{name}`: give them titles that differ")


def _pairs_draws(target: Compared) -> bool:
    """Return True if a block holds single trials of samplers, not means over trials."""
    return isinstance(target, PenaltyMatrix) or "sampler-seed" in getattr(target, "block", [])


def _draws(run: Run, recipes: Recipes) -> int:
    """The most values that a sampler of a run has for one encoder and number of labels."""
    known = [name for name in run.samplers if name in recipes.names("samplers")]
    drawn = any(recipes.get("samplers", name).stochastic for name in known)
    trained = run.learner in recipes.names("learners") and isinstance(
        recipes.get("learners", run.learner), Classifier
    )
    return run.sampler_seeds if drawn or trained else 1


def _check_samplers(
    target: Compared, runs: list[Run], file: str, path: str, problems: Problems
) -> None:
    """Check that the runs have the same samplers, two or more, and the baseline among them."""
    samplers = [{*run.samplers, *run.queries} for run in runs]
    if any(some != samplers[0] for some in samplers):
        what = "holds samplers against each other: name runs that have the same"
        problems.add(file, f"{path}.runs", what)
    elif samplers and len(samplers[0]) < 2:
        what = "holds samplers against each other: name a run that has several"
        problems.add(file, f"{path}.runs", what)
    elif samplers and isinstance(target, PairedDifferences) and target.baseline not in samplers[0]:
        what = f"its runs have no sampler `{target.baseline}`"
        problems.add(file, f"{path}.baseline", what + nearest(target.baseline, sorted(samplers[0])))


def _counted(target: Compared, name: str, run: Run) -> frozenset[int]:
    """The numbers of labels of a run at which it is compared."""
    wanted = of_run(target.budgets, name)
    return frozenset(run.budgets) & frozenset(run.budgets if wanted is None else wanted)
