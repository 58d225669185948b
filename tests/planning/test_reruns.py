"""The table of docs/artefacts.md that says what is made anew after an edit, measured row by row.

Each row is an edit of a copy of the package. Of all artefacts, figures and tables of a plan, those
whose own code has changed must be the ones that the row names, and no others.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from coldstart.config.load import load
from coldstart.planning.fingerprint import PACKAGE
from coldstart.planning.plan import Plan
from coldstart.store import Store
from tests.helpers.parts import parts_of, plan_of, planned_by

pytestmark = pytest.mark.slow

DOCS = PACKAGE.parents[1] / "docs/artefacts.md"
HEADING = "| edit of | made anew |"
ADDED = "a new member: a source, method, backbone, transform, sampler, metric, kind of figure"
"""The row that tests/test_extending.py measures, where such members are written."""


class Edit(NamedTuple):
    """A text of a file that is replaced, and the words of which a recipe has one that uses it.

    An artefact whose stage and recipe match the pattern ``spared`` does not use it.
    """

    file: str
    old: str
    new: str
    used: tuple[str, ...] = ("",)
    spared: str | None = None


def line(file, *used):
    """An edit of code: one more statement at the top of a module."""
    return Edit(
        file, "\nfrom ", "\nimport sys\nfrom ", tuple(f'"{name}"' for name in used) or ("",)
    )


MIXED = '"count"'
"""Stands in the recipes of the images and labels of mixed pools alone."""

# The rows of the table by their first cell; all edits of a row are measured, each by itself.
EDITS = {
    "a comment, a docstring, the layout of the code": [
        Edit("training/trainer.py", "training loop", "loop"),
        Edit("training/optim.py", "\n\n\ndef ", "\n\n\n# a comment\n\n\ndef "),
    ],
    "the text of an error, a log line or a progress label": [
        Edit("ssl/encoders.py", "pretraining needs two images or more", "two images are needed"),
        Edit("training/trainer.py", "training on %s in %s", "%s trains in %s"),
        Edit("selection/select.py", "budget %d is cut to the", "the budget %d becomes the"),
        Edit("embeddings/passes.py", "Progress(recipe.score,", 'Progress("scoring",'),
    ],
    "the store, the plan, the jobs, the command line, the registry": [
        *map(line, ["store/objects.py", "planning/plan.py", "running/job.py", "cli/run.py"]),
        line("config/recipes/registry.py"),
    ],
    "an estimate of memory or time": [
        Edit("config/recipes/backbones/resnet.py", "(18, 3)", "(36, 3)"),
        Edit("planning/resources.py", "STARTUP = 5", "STARTUP = 50"),
    ],
    "a data source": [line("data/sources/digits.py", "digits")],
    "the reading of data sets": [line("data/ingest.py")._replace(spared=MIXED)],
    "the mixing of pools": [line("data/mix.py", "count")],
    "the split of pools": [line("data/pool.py")],
    "a method of self-supervision": [
        line("ssl/methods/simclr.py", "simclr"),
        line("ssl/methods/pca.py", "pca"),
        line("ssl/methods/existing.py", "existing"),
    ],
    "a head, a loss or a target network that methods share": [
        line("ssl/contrast.py", "simclr"),
        line("ssl/momentum.py", "byol"),
        line("training/heads.py", "byol", "simclr", "classifier", "joint", "vaal"),
    ],
    "a backbone": [
        line("training/backbones/resnet.py", "resnet"),
        line("training/backbones/convs.py", "convs", "dcgan"),
    ],
    "a transform": [line("training/augment/crop.py", "crop")],
    "the trainer or an optimiser": [
        line("training/trainer.py", "backbone", "pca", "existing"),
        line("training/optim.py", "backbone", "pca", "existing"),
        line("training/phases.py", "backbone", "pca", "existing"),
    ],
    "code that all networks share": [
        line("training/model.py", "backbone", "pca", "existing"),
        line("training/backbones/__init__.py", "backbone", "pca", "existing")._replace(
            spared=r'^embed .*"pca"'
        ),
    ],
    "a method of a recipe that computes the steps of an epoch": [
        Edit(
            "config/recipes/encoders/__init__.py", "images // (batch * parts)", "7", ('"epochs"',)
        ),
    ],
    "a method of a recipe that computes sizes": [
        Edit("config/recipes/augmentations/crop.py", "round(share * height)", "1", ('"crop"',)),
    ],
    "a score": [line("embeddings/grad_norm.py"), line("embeddings/score.py")],
    "the passes of images through a self-supervised model": [
        line("embeddings/passes.py", "negatives", "joint")
    ],
    "the embedding of images": [line("embeddings/embed.py")],
    "a sampler": [
        line("selection/samplers/k_centre.py", "k-centre"),
        line("selection/samplers/uncertainty.py", "uncertainty"),
    ],
    "code that all samplers share": [line("selection/base.py"), line("selection/tables.py")],
    "a learner": [
        line("learners/classifier.py", "classifier"),
        line("learners/joint.py", "joint"),
        line("learners/vaal.py", "vaal"),
    ],
    "the training of learners that are networks": [line("learners/training.py", "backbone")],
    "how a model is asked": [line("learners/predict.py")],
    "the fits of logistic regression": [
        line("evaluation/logistic.py", "logistic-regression", "tolerance", "class-examples")
    ],
    "a metric": [
        line("evaluation/metrics/top_k.py", "top-k", "tolerance"),
        line("evaluation/metrics/average_precision.py", "average-precision"),
        line("evaluation/metrics/picked.py", "picked"),
        line("evaluation/metrics/outliers.py", "outliers"),
    ],
    "code that all metrics share": [line("evaluation/measure.py", "metric", "tolerance")],
    "a kind of figure or table, its text too": [
        line("figures/budget_curve.py", "budget-curve"),
        Edit("figures/contact_sheet.py", '"""', '"""Anew. ', ('"contact-sheet"',)),
        line("figures/metrics.py", "metrics"),
        line("figures/average_rank.py", "average-rank"),
    ],
    "a caption": [
        Edit(
            "config/recipes/figures/average_rank.py",
            "def caption(self, form: Form) -> str:",
            "def caption(self, form: Form) -> str:\n        return form\n",
            ('"average-rank"',),
        ),
    ],
    "the style of figures": [line("figures/style.py")],
    "a module of statistics": [line("statistics/ranks.py", "average-rank")],
}


def rows():
    """The cells of the table: an edit, and what is made anew."""
    lines = DOCS.read_text(encoding="utf-8").split(HEADING)[1].splitlines()[2:]
    table = lines[: next(i for i, one in enumerate(lines) if not one.startswith("|"))]
    return [tuple(cell.strip() for cell in one.strip("|").split("|")) for one in table]


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reruns")
    for name in ("recipes", "studies"):
        shutil.copytree(PACKAGE.parent / name, folder / "workflow" / name)
    return plan_of(folder / "workflow", folder / "store")


def test_every_row_of_the_table_is_measured():
    assert [row[0] for row in rows()] == [*EDITS, ADDED]


def test_every_stage_is_in_the_table(plan):
    named = {stage for _, anew in rows() for stage in re.findall("`([a-z]+)`", anew)}
    assert named == {part.stage for part in parts_of(plan).values()}


CAPTIONS = """
import json, sys
from pydantic import TypeAdapter
from coldstart.config.recipes.targets import FIGURES, TABLES
captions = []
for form, text in json.load(sys.stdin):
    kinds = FIGURES if form == "figure" else TABLES
    captions.append(kinds.adapter().validate_python(text).caption(form))
json.dump(captions, sys.stdout)
"""


def captioned(parts, package):
    """The names and parts, with the captions that the code in a folder gives figures and tables."""
    shown = {name: part for name, part in parts.items() if part.stage in ("figure", "table")}
    given = json.dumps([(part.stage, json.loads(part.recipe)) for part in shown.values()])
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-c", CAPTIONS]
    done = subprocess.run(
        command, env=environment, input=given, capture_output=True, text=True, check=True
    )
    texts = dict(zip(shown, json.loads(done.stdout), strict=True))
    return [(name, part, part.code + texts.get(name, "")) for name, part in parts.items()]


@pytest.mark.parametrize(
    ("row", "number"), [(row, i) for row, edits in EDITS.items() for i in range(len(edits))]
)
def test_an_edit_makes_anew_what_the_table_says(plan, tmp_path, row, number):
    edit, anew = EDITS[row][number], dict(rows())[row]
    package = tmp_path / "coldstart"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    text = (package / edit.file).read_text()
    assert edit.old in text
    (package / edit.file).write_text(text.replace(edit.old, edit.new, 1))
    before, after = parts_of(plan), parts_of(plan, package)
    if row == "a caption":  # which is no code of a figure, but stands in the params of its job
        after = {name: part._replace(code=text) for name, part, text in captioned(after, package)}
        before = {name: part._replace(code=text) for name, part, text in captioned(before, PACKAGE)}
    stages = re.findall("`([a-z]+)`", anew)
    expected = {
        name
        for name, part in before.items()
        if part.stage in stages
        and any(word in part.recipe for word in edit.used)
        and not (edit.spared and re.search(edit.spared, f"{part.stage} {part.recipe}"))
    }
    changed = {name for name, part in before.items() if after[name].code != part.code}
    assert changed == expected
    assert bool(changed) == (anew != "nothing")


def test_other_weights_in_a_file_make_anew_what_is_made_with_them(tmp_path):
    for name in ("recipes", "studies"):
        shutil.copytree(PACKAGE.parent / name, tmp_path / "workflow" / name)
    keys = []
    plan_of(tmp_path / "workflow", tmp_path / "store")
    for content in (b"weights", b"others"):
        (tmp_path / "workflow/weights.pth").write_bytes(content)
        settings = {"scale": "smoke", "data_dir": str(tmp_path / "workflow")}
        plan = Plan(load(settings, [], tmp_path / "workflow"), Store(tmp_path / "store"))
        keys.append({name: one.key for name, one in planned_by(plan).items()})
    changed = {name for name, key in keys[0].items() if keys[1][name] != key}
    assert changed == {
        "results/ssl/kmnist-mixed/existing-weights/seed0.json",
        "results/embeddings/kmnist-mixed/existing-weights/seed0/frozen.json",
        "results/evaluation/all-stages/mixed/seed0.json",
    }
