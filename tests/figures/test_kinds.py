"""A kind of figure is a recipe and a module that draws it, and no list names it."""

import os
import shutil
import subprocess
import sys

from coldstart.planning.fingerprint import PACKAGE

RECIPE = '''
"""Best budgets."""
from typing import Literal

from coldstart.config.recipes.targets import Target


class BestBudget(Target):
    """The smallest budget at which each sampler reaches an accuracy."""

    kind: Literal["best-budget"]
    accuracy: float

    def caption(self, form):
        return f"Reaches {self.accuracy}."

    def problems(self, runs):
        if self.accuracy > 1:
            yield "accuracy", f"is above 1 in runs {', '.join(runs)}"
'''
DRAWING = '''
"""Best budgets."""
from matplotlib.figure import Figure


def draw(shown, target):
    return Figure(), shown.metrics
'''
STUDY = """
title: Mine
runs: {main: {pool: digits, encoder: pca-512, samplers: [random], budgets: [10]}}
figures: {best: {kind: best-budget, title: Best, accuracy: ACCURACY}}
"""
PLANNED = """
from pathlib import Path
from coldstart.config.loading.load import load
from coldstart.planning.plan import Plan
from coldstart.store import Store

plan = Plan(load({}, [], Path("workflow")), Store(Path("store")))
params = plan.target_params("mine", "figures", "best")
print(params["caption"], *params["keys"])
"""


def plan_with(folder, accuracy):
    """Plan a study with the new kind in a copy of the project; returns output and messages."""
    workflow = folder / "workflow"
    shutil.copytree(PACKAGE.parent, workflow, ignore=shutil.ignore_patterns("__pycache__"))
    package = workflow / "coldstart"
    (package / "config/recipes/figures/best_budget.py").write_text(RECIPE)
    (package / "figures/best_budget.py").write_text(DRAWING)
    (workflow / "studies/mine.yaml").write_text(STUDY.replace("ACCURACY", str(accuracy)))
    environment = {**os.environ, "PYTHONPATH": str(workflow)}
    command = [sys.executable, "-c", PLANNED]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout, done.stderr


def test_adding_a_kind_takes_two_modules(tmp_path):
    said, errors = plan_with(tmp_path, 0.9)
    assert said.split() == ["Reaches", "0.9.", "metrics/main/0"], errors


def test_problems_of_a_new_kind_are_reported_with_their_path(tmp_path):
    _, errors = plan_with(tmp_path, 1.1)
    assert "studies/mine.yaml: figures.best.accuracy: is above 1 in runs main" in errors
