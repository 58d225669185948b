"""The artefacts that the studies of the current clone reach."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import coldstart
from coldstart.cli.clone import CONFIG, RESULTS, key_pointers, settings, store_folders
from coldstart.config.load import load
from coldstart.config.loading.settings import Scale
from coldstart.errors import ColdstartError
from coldstart.planning.artefact import Planned
from coldstart.planning.plan import Plan
from coldstart.store import LayeredStore, Store
from coldstart.store.pointers import indexed, shown_keys

WORKFLOW = Path("workflow")


def plan_at(store: Store, scale: str | None) -> tuple[Plan, str]:
    """The plan of all studies of this clone, and its scale: that of ``config.yaml`` for None.

    Raises:
        ColdstartError: this is not the root of a clone, or not of the clone whose package runs, or
            a recipe has a mistake. A plan of anything less would not reach what it should.
    """
    if not (WORKFLOW / "studies").is_dir():
        raise ColdstartError(f"{Path.cwd()} is not the root of a clone: go there for its studies.")
    package = Path(coldstart.__file__).resolve().parent
    if package != (WORKFLOW / "coldstart").resolve():
        raise ColdstartError(
            f"The package `coldstart` is imported from {package}, not from this clone, so that the "
            f"keys would be others. Use the .venv of {Path.cwd()} (`make setup` makes it)."
        )
    said = settings()
    if scale is not None:
        said["scale"] = scale
    loaded = load(said, [CONFIG] if CONFIG.is_file() else [], WORKFLOW)
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
    """Return the ends of a study: each run's metrics, if any, and what figures and tables read."""
    recipe = plan.recipes.get("studies", study)
    return [
        *(
            plan.cycles.evaluation(study, name, s)
            for name, r in recipe.runs.items()
            if plan.data.judged(r.pool)
            for s in r.encoder_seeds
        ),
        *shown_in(plan, study),
    ]


def shown_in(plan: Plan, study: str) -> list[Planned]:
    """Return what the figures and tables of a study read, data sheets of its pools included."""
    files = plan.figures.targets("figures", [study]) + plan.figures.targets("tables", [study])
    # results/<folder>/<study>/<name>.<format>
    targets = dict.fromkeys(Path(file).with_suffix("").parts[1:] for file in files)
    return [
        planned
        for folder, shown, name in targets
        for planned in plan.figures.shown(shown, folder, name).values()
    ]


def roots() -> set[str]:
    """The keys that this clone needs.

    These are what its studies reach at any scale, what its pointers name, what its last runs
    planned, and what its figures, tables and rankings show.
    """
    return reach() | set(key_pointers()) | set(indexed(RESULTS).values()) | shown_keys(RESULTS)


def roots_of(clone: Path) -> set[str]:
    """Ask another clone, by its own code, for the keys that it needs.

    Raises:
        ColdstartError: it cannot say: it is no clone, or has mistakes, or code without the command.
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
        said = done.stderr.strip().rpartition("\n")[2]
        raise ColdstartError(
            f"--clone {clone} cannot say what it needs ({said or 'it is not a clone'}), so nothing "
            "was removed. Mend it; `coldstart store roots` has to work there."
        )
    return set(done.stdout.split())


def all_of(planned: Iterable[Planned]) -> Iterator[Planned]:
    """Each artefact and all that it is made from, once."""
    seen: set[str] = set()
    stack = list(planned)
    while stack:
        one = stack.pop()
        if one.key not in seen:
            seen.add(one.key)
            yield one
            stack += one.inputs.values()
