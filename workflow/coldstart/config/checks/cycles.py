"""Checks of runs with cycles: each sampler that is queried gets the tables that it reads."""

from coldstart.common.errors import nearest
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import Recipes
from coldstart.config.recipes.learners.base import Learner, Network
from coldstart.config.recipes.predictions import Prediction
from coldstart.config.recipes.runs import Run
from coldstart.selection.base import FROM_ENCODER, KNOWN


def check_learner(name: str, recipes: Recipes, problems: Problems) -> None:
    """Check that the parts of a learner's recipe fit each other."""
    for training in recipes.get("learners", name).streams().values():
        if training.backbone != recipes.get("learners", name).backbone:
            what = "has another backbone than its method: give both the same one, at every scale"
            problems.add(recipes.files["learners", name], f"learners.{name}.backbone", what)


def check_cycles(run: Run, file: str, path: str, recipes: Recipes, problems: Problems) -> None:
    """Check that every learner of a run can be asked what is asked of it."""
    for name in run.queried:
        where = f"{path}.queried"
        if name in run.samplers:
            problems.add(file, where, f"`{name}` is among the samplers too: give it one name each")
        if not recipes.known("samplers", name):
            hint = nearest(name, recipes.names("samplers"))
            problems.add(file, where, f"no `{name}` in samplers.yaml{hint}")
        if name in recipes.names("samplers"):
            _check_queried(name, run, file, where, recipes, problems)
    if run.outliers == "returned" and run.samplers:
        what = "none returns to a sampler that picks for all budgets at once: name it in `queried`"
        problems.add(file, f"{path}.outliers", what)
    learner = _learner(run.learner, recipes)
    if learner is None:
        return
    if "predictions" not in learner.gives:
        what = f"learner `{run.learner}` predicts no class, by which a run is evaluated"
        problems.add(file, f"{path}.learner", f"{what}: it is for samplers that name it")
    if run.prediction in recipes.names("predictions"):
        prediction = recipes.get("predictions", run.prediction)
        fault = _misasked(learner, run.learner, prediction, run.prediction)
        if fault:
            problems.add(file, f"{path}.prediction", fault)
    cycles = learner.learns_from == "images" or run.queried
    if cycles and (run.excess == "cut" or run.labelled is not None):
        what = "a learner is trained at each budget, which `excess` and `labelled` would change"
        problems.add(file, f"{path}.learner", what)


def check_asked_of_given(
    name: str, run: Run, file: str, where: str, recipes: Recipes, problems: Problems
) -> None:
    """Check that a classifier of the labels that are given can be asked what a sampler reads."""
    if recipes.get("samplers", name).learner is not None:
        what = f"`{name}` names a learner of its own, which is trained in cycles: name another"
        problems.add(file, where, what)
    else:
        _check_queried(name, run, file, where, recipes, problems)


def _check_queried(
    name: str, run: Run, file: str, where: str, recipes: Recipes, problems: Problems
) -> None:
    """Check that the learner which a sampler asks gives what the sampler reads."""
    sampler = recipes.get("samplers", name)
    asked = sampler.learner or run.learner
    learner = _learner(asked, recipes)
    if learner is None or sampler.prediction not in recipes.names("predictions"):
        return  # said elsewhere
    # A sampler that names a recipe in scores.yaml reads those of an encoder.
    own = {"scores"} if getattr(sampler, "score", None) else set()
    gives = (learner.gives - own) | {KNOWN}
    if learner.learns_from == "embeddings":
        gives |= FROM_ENCODER - sampler.learnt
    unknown = sampler.reads - gives
    if unknown:
        what = f"`{name}` reads {', '.join(sorted(unknown))}, which learner `{asked}` does not give"
        problems.add(file, where, what)
    prediction = recipes.get("predictions", sampler.prediction)
    fault = _misasked(learner, asked, prediction, sampler.prediction)
    if fault:
        problems.add(file, where, f"`{name}`: {fault}")
    elif "votes" in sampler.reads and prediction.members * prediction.passes == 1:
        what = f"`{name}` compares votes, and prediction `{sampler.prediction}` gives one alone"
        problems.add(file, where, f"{what}: name one with several members or passes")


def _misasked(learner: Learner, name: str, prediction: Prediction, asked: str) -> str | None:
    """Say why a learner cannot be asked in this way; None if it can."""
    if prediction.dropout and not (isinstance(learner, Network) and learner.dropout):
        return f"prediction `{asked}` keeps dropout active, and learner `{name}` has none"
    if prediction.members > 1 and not isinstance(learner, Network):
        return f"prediction `{asked}` has several members, and nothing in learner `{name}` draws"
    return None


def _learner(name: str, recipes: Recipes) -> Learner | None:
    """The sound learner of a name; other checks say where there is none."""
    found: Learner | None = (
        recipes.get("learners", name) if name in recipes.names("learners") else None
    )
    return found
