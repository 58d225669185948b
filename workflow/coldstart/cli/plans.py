"""The artefacts that the studies of the current clone reach."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import coldstart
from coldstart.cli.clone import CONFIG, RESULTS, key_pointers, settings, store_folders
from coldstart.common.errors import ColdstartError
from coldstart.config.load import load
from coldstart.config.loading.settings import Scale
from coldstart.planning.artefact import Planned
from coldstart.planning.plan import Plan
from coldstart.store import LayeredStore, Store
from coldstart.store.pointers import indexed, shown_keys

WORKFLOW = Path("workflow")


def plan_at(store: Store, scale: str | None) -> tuple[Plan, str]:
    """Return the plan of all studies of this clone, and its scale.

    Args:
        store: the stores of the clone.
        scale: ``paper``, ``cpu`` or ``smoke``; None for the scale in ``config.yaml``.

    Raises:
        ColdstartError: the current folder is not the root of a clone, or not of the clone whose
            package runs, or a recipe has a mistake. A plan without some recipes would reach too
            few artefacts, and ``gc`` would remove the others.
    """
    if not (WORKFLOW / "studies").is_dir():
        raise ColdstartError(
            f"{Path.cwd()} is not the root of a clone, which has the studies: run this there."
        )
    package = Path(coldstart.__file__).resolve().parent
    if package != (WORKFLOW / "coldstart").resolve():
        raise ColdstartError(
            f"The package `coldstart` is imported from {package}, not from this clone: its code "
            f"would give other keys. Use the .venv of {Path.cwd()} (`make setup` makes it)."
        )
    configured = settings()
    if scale is not None:
        configured["scale"] = scale
    loaded = load(configured, [CONFIG] if CONFIG.is_file() else [], WORKFLOW)
    return Plan(loaded, store), loaded.config.scale


def reach(studies: Iterable[str] = ()) -> set[str]:
    """The keys that this clone's studies, or only those named, reach at any scale."""
    store, keys = LayeredStore(*store_folders()), set[str]()
    for scale in get_args(Scale):
        plan, _ = plan_at(store, scale)
        for study in studies or plan.recipes.names("studies"):
            keys |= {planned.key for planned in all_of(planned_for(plan, study))}
    return keys


def planned_for(plan: Plan, study: str) -> list[Planned]:
    """Return the final artefacts of a study: metrics of runs, and what figures and tables read."""
    recipe = plan.recipes.get("studies", study)
    return [
        *(
            plan.cycles.evaluation(study, name, seed)
            for name, run in recipe.runs.items()
            if plan.data.judged(run.pool)
            for seed in run.encoder_seeds
        ),
        *shown_in(plan, study),
    ]


def shown_in(plan: Plan, study: str) -> list[Planned]:
    """Return what the figures and tables of a study read, including data sheets of its pools."""
    files = plan.figures.targets("figures", [study]) + plan.figures.targets("tables", [study])
    # results/<folder>/<study>/<name>.<format>
    targets = dict.fromkeys(Path(file).with_suffix("").parts[1:] for file in files)
    return [
        planned
        for folder, shown, name in targets
        for planned in plan.figures.shown(shown, folder, name).values()
    ]


def roots() -> set[str]:
    """The keys of the artefacts that this clone needs.

    They are those that its studies reach at any scale, that its pointers name, that its last runs
    planned, and that its figures, tables and rankings show.
    """
    return reach() | set(key_pointers()) | set(indexed(RESULTS).values()) | shown_keys(RESULTS)


def roots_of(clone: Path) -> set[str]:
    """Run the code of another clone to find the keys that it needs.

    Raises:
        ColdstartError: the code fails: the folder is not a clone, a recipe has a mistake, or the
            clone is so old that it lacks the command ``roots``.
    """
    command = [sys.executable, "-m", "coldstart.cli", "store", "roots"]
    package = str((clone / WORKFLOW).resolve())
    try:
        done = subprocess.run(
            command, cwd=clone, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": package},
        )  # fmt: skip
    except OSError as error:
        raise ColdstartError(f"--clone {clone}: {error.strerror}. Nothing was removed.") from error
    if done.returncode:
        last_line = done.stderr.strip().rpartition("\n")[2]
        raise ColdstartError(
            f"--clone {clone} cannot say what it needs ({last_line or 'it is not a clone'}), so "
            "nothing was removed. Mend it until `coldstart store roots` works there."
        )
    return set(done.stdout.split())


def all_of(planned: Iterable[Planned]) -> Iterator[Planned]:
    """Yield the artefacts and all their direct and indirect inputs, each once."""
    seen: set[str] = set()
    stack = list(planned)
    while stack:
        one = stack.pop()
        if one.key not in seen:
            seen.add(one.key)
            yield one
            stack += one.inputs.values()
