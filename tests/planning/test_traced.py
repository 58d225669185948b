"""Every function that runs while an artefact is made is in the key of that artefact.

The quickstart is made in this process, at smoke scale, while a hook notes each function of the
package that is called. What no fingerprint covers would change results in silence.
"""

import os
import shutil
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from coldstart.config.load import load
from coldstart.figures.draw import draw_figure, write_table
from coldstart.planning.figures import computed_by
from coldstart.planning.fingerprint import PACKAGE, classes_of, covered
from coldstart.planning.here import stage_of
from coldstart.planning.plan import Plan
from coldstart.running.job import Job
from coldstart.running.settings import Settings
from coldstart.store import Store
from tests.helpers.jobs import script_job

pytestmark = pytest.mark.slow  # it trains

STAGES = {
    "images", "labels", "pool", "pretrain", "embed", "score", "select", "learn", "predict",
    "query", "evaluate", "probe",
}  # fmt: skip

CYCLES = {
    "title": "Two cycles",
    "runs": {
        "digits": {
            "pool": "digits", "encoder": "byol-digits", "learner": "classifier-digits",
            "queried": ["core-set", "max-entropy", "vaal-digits"], "trials": 1, "budgets": [10, 20],
        },
        "dropout": {
            "pool": "digits", "encoder": "byol-digits", "learner": "classifier-digits-dropout",
            "queried": ["bald"], "trials": 1, "budgets": [10, 20],
        },
        "joint": {
            "pool": "digits", "encoder": "byol-digits", "learner": "joint-simclr-digits",
            "samplers": ["random"], "trials": 1, "budgets": [10],
        },
        "turns": {
            "pool": "digits", "encoder": "byol-digits", "learner": "joint-moby-digits",
            "queried": ["highest-loss", "weibull"], "trials": 1, "budgets": [10, 20],
        },
        "linear": {
            "pool": "digits", "encoder": "byol-digits", "learner": "logistic-regression",
            "queried": ["min-margin"], "trials": 1, "budgets": [10, 20],
        },
    },
}  # fmt: skip

NO_RESULT = {
    "coldstart.common.atomic": "writes files whole",
    "coldstart.common.errors": "says what is wrong",
    "coldstart.common.progress": "shows how far a job is",
    "coldstart.running.settings": "says where things lie",
    "coldstart.store": "keeps artefacts and verifies them",
    "coldstart.common.vision": "lets torchvision be imported",
    "coldstart.figures.draw": "counts by its text",
    "coldstart.figures.style": "counts by its text",
    "coldstart.figures.page": "counts by its text",
    "coldstart.common.texts": "escapes names",
    "coldstart.common.spreadsheet": "escapes names",
    "coldstart.config.recipes.registry": "finds modules, which are in the key",
}
"""Code that runs and is in no fingerprint, with the reason why it changes no number."""


class Trace:
    """Notes what runs, as ``module.function``."""

    def __init__(self):
        self.ran = set()

    def __enter__(self):
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        return self.ran

    def __exit__(self, *error):
        sys.setprofile(None)
        threading.setprofile(None)

    def _note(self, frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            name = _name(frame)
            if not (name.startswith("coldstart.config.") and _is_check(frame)):
                self.ran.add(name)


def _name(frame):
    file = Path(frame.f_code.co_filename).relative_to(PACKAGE.parent).with_suffix("")
    module = ".".join(file.parts).removesuffix(".__init__")
    return f"{module}.{frame.f_code.co_qualname.split('.<')[0]}"


def _is_check(frame):
    """Return True if pydantic called it: a check's result is part of the recipe."""
    while frame is not None and frame.f_code.co_filename.startswith(str(PACKAGE)):
        if "/config/" not in frame.f_code.co_filename:
            return False
        frame = frame.f_back
    return frame is not None and "pydantic" in frame.f_code.co_filename


def outside(ran, modules, functions):
    """Return the functions that ran and are neither covered nor known to change no number."""
    allowed = (*modules, *functions, *NO_RESULT)
    return {
        name
        for name in ran
        if not any(name == one or name.startswith(f"{one}.") for one in allowed)
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A plan, its store with all that the quickstart makes, and what ran for each artefact."""
    folder = tmp_path_factory.mktemp("traced")
    workflow = folder / "workflow"
    shutil.copytree(PACKAGE.parent / "recipes", workflow / "recipes")
    shutil.copytree(PACKAGE.parent / "studies", workflow / "studies")
    (workflow / "studies/cycles.yaml").write_text(yaml.safe_dump(CYCLES))
    plan = Plan(load({"scale": "smoke"}, [], workflow), Store(folder / "store"))
    traced, covers = {}, {}

    def make(planned):
        for made_from in planned.inputs.values():
            make(made_from)
        below = [covers[made_from.key] for made_from in planned.inputs.values()]
        modules, functions = covered(*planned.modules, recipes=planned.recipes)
        covers[planned.key] = (
            modules.union(*(one for one, _ in below)),
            functions.union(*(one for _, one in below)),
        )
        if planned.key in traced:
            return
        stage = stage_of(planned)
        out = folder / planned.key
        out.mkdir()
        inputs = {name: plan.store.open(one.key) for name, one in planned.inputs.items()}
        resume = folder / f"resume-{planned.key}"
        job = Job(planned.identity.recipe, inputs, out, resume, Settings(device="cpu"))
        with Trace() as ran:
            stage(job)
        traced[planned.key] = (planned, ran)
        with plan.store.publishing(planned.identity) as draft:
            for file in out.iterdir():
                os.rename(file, draft / file.name)

    for run in plan.recipes.get("studies", "quickstart").runs:
        make(plan.cycles.evaluation("quickstart", run, 0))
    for run in plan.recipes.get("studies", "cycles").runs:
        make(plan.cycles.evaluation("cycles", run, 0))
    make(plan.encoders.probed("biased-digits", "byol-digits", 0, "knn-linear"))
    return plan, traced, covers, folder


def test_every_function_of_a_stage_is_in_its_key(made):
    _, traced, covers, _ = made
    assert {planned.identity.stage for planned, _ in traced.values()} == STAGES
    missed = defaultdict(set)
    for planned, ran in traced.values():
        assert len(ran) > 2
        missed[planned.identity.stage] |= outside(ran, *covers[planned.key])
    assert {stage: names for stage, names in missed.items() if names} == {}


def test_every_function_of_a_figure_or_table_redraws_it(made):
    plan, _, covers, folder = made
    missed = defaultdict(set)
    study = plan.recipes.get("studies", "quickstart")
    for kind, targets in (("figures", study.figures), ("tables", study.tables)):
        for name, target in targets.items():
            params = plan.figures.target_params("quickstart", kind, name)
            suffixes = ("svg", "csv") if kind == "figures" else ("html", "csv")
            files = [folder / f"{kind}-{name}.{suffix}" for suffix in suffixes]
            job = script_job(files, target=params)
            with Trace() as ran:
                (draw_figure if kind == "figures" else write_table)(job, plan.store)
            read = [covers[key] for key in params["keys"].values()]
            modules, functions = covered(*computed_by(target), recipes=classes_of(target))
            missed[target.kind] |= outside(
                ran,
                modules.union(*(one for one, _ in read)),
                functions.union(*(one for _, one in read)),
            )
    assert {kind: names for kind, names in missed.items() if names} == {}


def test_trace_finds_functions_that_no_fingerprint_covers(made):
    _, traced, _, _ = made
    _, ran = next(one for one in traced.values() if one[0].identity.stage == "pretrain")
    assert "coldstart.config.recipes.encoders.Training.steps" in ran
    assert "coldstart.config.recipes.encoders.Training.steps" in outside(
        ran, {"coldstart.ssl"}, set()
    )
