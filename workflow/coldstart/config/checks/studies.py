"""Checks across recipes: names exist, budgets fit the pool, and figures have their inputs."""

import dataclasses
from collections.abc import Mapping

from coldstart.common.errors import nearest
from coldstart.config.checks.cycles import check_asked_of_given, check_cycles, check_learner
from coldstart.config.checks.encoders import READ_BY_FIGURES, readers
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import Recipes
from coldstart.config.recipes.datasets import Dataset
from coldstart.config.recipes.encoders import Transferred
from coldstart.config.recipes.pools import mixture, splits_of
from coldstart.config.recipes.runs import Run
from coldstart.config.recipes.studies import Study
from coldstart.config.recipes.targets import ShownRun, Target


def check(recipes: Recipes, problems: Problems) -> None:
    """Note every mistake that shows only when recipes and studies are held together."""
    candidates = {name: _check_pool(name, recipes, problems) for name in recipes.names("pools")}
    for name in recipes.names("encoders"):
        _check_encoder(name, recipes, problems)
    for name in recipes.names("samplers"):
        _check_sampler(name, recipes, problems)
    for name in recipes.names("learners"):
        check_learner(name, recipes, problems)
    for name in recipes.names("studies"):
        study, file = recipes.get("studies", name), recipes.files["studies", name]
        _check_study(study, file, recipes, problems)
        for key, run in study.runs.items():
            _check_budgets(run, candidates.get(run.pool), file, f"runs.{key}", problems)


def _named(
    recipes: Recipes, problems: Problems, kind: str, name: str, file: str, path: str
) -> bool:
    """Return True if a sound recipe has this name; note a name that nothing defines."""
    if not recipes.known(kind, name):
        problems.add(file, path, f"no `{name}` in {kind}.yaml{nearest(name, recipes.names(kind))}")
    return name in recipes.names(kind)


def _published(recipes: Recipes, name: str) -> Dataset | None:
    """The data set of this name, if its recipe says all of it; a user's own files must be seen."""
    dataset = recipes.get("datasets", name) if name in recipes.names("datasets") else None
    return dataset if isinstance(dataset, Dataset) else None


def _check_pool(name: str, recipes: Recipes, problems: Problems) -> int | None:
    """Check a pool, and count its candidates; None if its recipe does not tell."""
    candidates = None
    pool, file = recipes.get("pools", name), recipes.files["pools", name]
    _named(recipes, problems, "datasets", pool.dataset, file, f"pools.{name}.dataset")
    dataset = _published(recipes, pool.dataset)
    if dataset is not None:
        found = pool.problems(dataset)
        for path, message in found.items():
            problems.add(file, f"pools.{name}.{path}", message)
        if not found:
            candidates = sum(pool.sizes(dataset)["candidates"].values())
    mixed = mixture(pool)
    if mixed is not None:
        other = mixed.outliers.dataset
        _named(recipes, problems, "datasets", other, file, f"pools.{name}.outliers.dataset")
        dataset = _published(recipes, other)
        if dataset is not None:
            for path, message in mixed.problems_of_outliers(dataset).items():
                problems.add(file, f"pools.{name}.{path}", message)
    return candidates


def _check_encoder(name: str, recipes: Recipes, problems: Problems) -> None:
    recipe, file = recipes.get("encoders", name), recipes.files["encoders", name]
    if isinstance(recipe, Transferred):
        _named(recipes, problems, "pools", recipe.pool, file, f"encoders.{name}.pool")
        path = f"encoders.{name}.encoder"
        if _named(recipes, problems, "encoders", recipe.encoder, file, path) and isinstance(
            recipes.get("encoders", recipe.encoder), Transferred
        ):
            problems.add(file, path, f"`{recipe.encoder}` is itself transferred: name its encoder")


def _check_sampler(name: str, recipes: Recipes, problems: Problems) -> None:
    """Check that a sampler's learner, prediction and score exist, and the score's passes."""
    sampler, file = recipes.get("samplers", name), recipes.files["samplers", name]
    for kind, part in (("learners", sampler.learner), ("predictions", sampler.prediction)):
        if part is not None:
            _named(recipes, problems, kind, part, file, f"samplers.{name}.{kind[:-1]}")
    score = getattr(sampler, "score", None)
    if score is None or not _named(
        recipes, problems, "scores", score, file, f"samplers.{name}.score"
    ):
        return
    there, asked = recipes.get("scores", score).rounds, getattr(sampler, "passes", None) or 0
    if asked > there:
        what = f"{asked} are more than the {there} of score `{score}`"
        problems.add(file, f"samplers.{name}.passes", what)


def _check_study(study: Study, file: str, recipes: Recipes, problems: Problems) -> None:
    for name, run in study.runs.items():
        _check_run(run, file, f"runs.{name}", recipes, problems)
    for folder, targets in (("figures", study.figures), ("tables", study.tables)):
        for name, target in targets.items():
            _check_target(target, study, file, f"{folder}.{name}", recipes, problems)


def _check_run(run: Run, file: str, path: str, recipes: Recipes, problems: Problems) -> None:
    named = {
        "pool": "pools",
        "embedding": "embeddings",
        "learner": "learners",
        "prediction": "predictions",
    }
    for key, kind in named.items():
        _named(recipes, problems, kind, getattr(run, key), file, f"{path}.{key}")
    if run.encoder is None:
        encoder = False
        for reader in readers(run, recipes):
            problems.add(file, f"{path}.encoder", f"is missing, and {reader}")
    else:
        encoder = _named(recipes, problems, "encoders", run.encoder, file, f"{path}.encoder")
    if run.labelled is not None:
        _named(recipes, problems, "datasets", run.labelled, file, f"{path}.labelled")
    for sampler in run.samplers + ([run.initial] if run.queried else []):
        key = "samplers" if sampler in run.samplers else "initial"
        known = _named(recipes, problems, "samplers", sampler, file, f"{path}.{key}")
        learnt = recipes.get("samplers", sampler).learnt if known else set()
        if learnt and run.labelled is not None and key == "samplers":
            check_asked_of_given(sampler, run, file, f"{path}.{key}", recipes, problems)
        elif learnt:
            tables = ", ".join(sorted(learnt))
            what = f"`{sampler}` reads {tables}, which need labels: name it under `queried`"
            problems.add(file, f"{path}.{key}", what)
        elif known and encoder:
            _check_scores(run, sampler, file, path, recipes, problems)
    for metric in run.metrics:
        _named(recipes, problems, "metrics", metric, file, f"{path}.metrics")
    check_cycles(run, file, path, recipes, problems)


def _check_scores(
    run: Run, sampler: str, file: str, path: str, recipes: Recipes, problems: Problems
) -> None:
    encoder = recipes.get("encoders", run.read_encoder)
    if isinstance(encoder, Transferred):
        if encoder.encoder not in recipes.names("encoders"):
            return
        encoder = recipes.get("encoders", encoder.encoder)
    if "scores" in recipes.get("samplers", sampler).reads and not getattr(encoder, "scored", False):
        problems.add(
            file,
            f"{path}.samplers",
            f"`{sampler}` reads a model's scores, but an encoder of method `{encoder.method}` "
            "gives none",
        )
    score = getattr(recipes.get("samplers", sampler), "score", None)
    named = score in recipes.names("scores") and recipes.get("scores", score).views
    if named and len(getattr(encoder, "views", [])) == 1:
        problems.add(
            file,
            f"{path}.samplers",
            f"`{sampler}` reads `{score}`, which is of an image beside a view of it, but an "
            f"encoder of method `{encoder.method}` sees one view alone",
        )


def _check_budgets(
    run: Run, candidates: int | None, file: str, path: str, problems: Problems
) -> None:
    above = [budget for budget in run.budgets if candidates is not None and budget > candidates]
    if above and run.excess == "refuse":
        problems.add(
            file,
            f"{path}.budgets",
            f"{above[0]} labels are more than the {candidates} candidates of pool `{run.pool}`",
        )


def _check_target(
    target: Target, study: Study, file: str, path: str, recipes: Recipes, problems: Problems
) -> None:
    """Check a figure or table by what its kind knows, and that its test images exist."""
    for name in target.runs or []:
        if name not in study.runs:
            problems.add(
                file, f"{path}.runs", f"the study has no run `{name}`{nearest(name, study.runs)}"
            )
    runs = {name: run for name, run in study.runs.items() if name in (target.runs or study.runs)}
    wanted = None if target.samplers is None else frozenset(target.samplers)
    shown = {
        name: dataclasses.replace(_shown(run, recipes), wanted=wanted) for name, run in runs.items()
    }
    _check_samplers(target, shown, file, f"{path}.samplers", problems)
    for where, message in target.problems(shown):
        problems.add(file, f"{path}.{where}" if where else path, message)
    for what in sorted(target.reads & READ_BY_FIGURES.keys()):
        for name, run in runs.items():
            if run.encoder is None and what in target.reads_of(name):
                why = f"is missing, and `{path}` shows {READ_BY_FIGURES[what]}"
                problems.add(file, f"runs.{name}.encoder", why)
    if target.tested:
        for name, run in runs.items():
            _check_tested(run, path, file, f"runs.{name}", recipes, problems)


def _check_samplers(
    target: Target, shown: Mapping[str, ShownRun], file: str, path: str, problems: Problems
) -> None:
    """Check that some run has each sampler that is shown, and each run some of them."""
    cold = "metrics" not in target.reads
    there = {
        name: {*one.everyone, *([one.run.initial] if one.run.queried and cold else [])}
        for name, one in shown.items()
    }
    everyone = set().union(*there.values())
    for sampler in target.samplers or []:
        if sampler not in everyone:
            what = f"no run that is shown has `{sampler}`{nearest(sampler, everyone)}"
            problems.add(file, path, what)
    for name, samplers in there.items():
        if target.samplers is not None and not samplers & {*target.samplers}:
            problems.add(file, path, f"run `{name}`, which is shown, has none of them")


def _shown(run: Run, recipes: Recipes) -> ShownRun:
    """A run with the facts about its recipes, as far as these are sound."""
    named = [name for name in run.samplers if name in recipes.names("samplers")]
    stochastic = any(recipes.get("samplers", name).stochastic for name in named)
    known = run.learner in recipes.names("learners")
    trained = known and recipes.get("learners", run.learner).learns_from == "images"
    pool = recipes.get("pools", run.pool) if run.pool in recipes.names("pools") else None
    dataset = _published(recipes, pool.dataset) if pool is not None else None
    return ShownRun(
        run=run,
        dataset=pool.dataset if pool is not None else "",
        classes=len(dataset.classes) if dataset is not None else None,
        trials=run.trials if stochastic or trained or run.queried else 1,
        trained=trained,
        metrics={
            name: recipes.get("metrics", name)
            for name in run.metrics
            if name in recipes.names("metrics")
        },
    )


def _check_tested(
    run: Run, target: str, file: str, path: str, recipes: Recipes, problems: Problems
) -> None:
    """Check that the metrics a figure or table shows can be measured."""
    if run.pool not in recipes.names("pools"):
        return
    if "test" not in splits_of(recipes.get("pools", run.pool)):
        what = f"`{run.pool}` has no split `test`, on which the metrics of `{target}` are measured"
        problems.add(file, f"{path}.pool", what)
    elif run.labelled is not None:
        what = f"the metrics of `{target}` do not count images that have a label before"
        problems.add(file, f"{path}.labelled", what)
