"""The table of docs/artefacts.md that says what is made anew after an edit, measured row by row.

Each row is an edit of a copy of the package. Of all artefacts, figures and tables of a plan, those
whose own code has changed must be the ones that the row names, and no others.
"""

import re
import shutil
from typing import NamedTuple

import pytest

from coldstart.planning.fingerprint import PACKAGE
from tests.helpers.parts import parts_of, plan_of

pytestmark = pytest.mark.slow

DOCS = PACKAGE.parents[1] / "docs/artefacts.md"
HEADING = "| edit of | made anew |"
ADDED = "a new member: a source, method, backbone, transform, sampler, kind of figure"
"""The row that tests/test_extending.py measures, where such members are written."""


class Edit(NamedTuple):
    """A text of a file that is replaced, and the words of which a recipe has one that uses it."""

    file: str
    old: str
    new: str
    used: tuple[str, ...] = ("",)


def line(file, *used):
    """An edit of code: one more statement at the top of a module."""
    return Edit(
        file, "\nfrom ", "\nimport sys\nfrom ", tuple(f'"{name}"' for name in used) or ("",)
    )


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
        Edit("embeddings/score.py", "Progress(recipe.score,", 'Progress("scoring",'),
    ],
    "the store, the plan, the jobs, the command line, the registry": [
        *map(line, ["store/objects.py", "planning/plan.py", "running/job.py", "cli/run.py"]),
        line("registry.py"),
    ],
    "an estimate of memory or time": [
        Edit("config/recipes/backbones/resnet.py", "(18, 3)", "(36, 3)"),
        Edit("planning/resources.py", "STARTUP = 5", "STARTUP = 50"),
    ],
    "a data source": [line("data/sources/digits.py", "digits")],
    "the reading of data sets": [line("data/ingest.py")],
    "the split of pools": [line("data/pool.py")],
    "a method of self-supervision": [
        line("ssl/methods/simclr.py", "simclr"),
        line("ssl/methods/pca.py", "pca"),
    ],
    "a head, a loss or a target network that methods share": [
        line("ssl/contrast.py", "simclr"),
        line("ssl/momentum.py", "byol"),
        line("training/heads.py", "byol", "simclr"),
    ],
    "a backbone": [
        line("training/backbones/resnet.py", "resnet"),
        line("training/backbones/convs.py", "convs"),
    ],
    "a transform": [line("training/augment/crop.py", "crop")],
    "the trainer or an optimiser": [
        line("training/trainer.py", "backbone", "pca"),
        line("training/optim.py", "backbone", "pca"),
        line("training/phases.py", "backbone", "pca"),
    ],
    "code that all networks share": [
        line("training/model.py", "backbone", "pca"),
        line("training/backbones/__init__.py", "backbone", "pca"),
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
    "the embedding of images": [line("embeddings/embed.py")],
    "a sampler": [
        line("selection/samplers/k_centre.py", "k-centre"),
        line("selection/samplers/uncertainty.py", "uncertainty"),
    ],
    "code that all samplers share": [line("selection/base.py"), line("selection/tables.py")],
    "a learner": [
        line("learners/classifier.py", "classifier"),
        line("learners/joint.py", "joint"),
    ],
    "the training of learners that are networks": [line("learners/training.py", "backbone")],
    "how a model is asked": [line("learners/predict.py")],
    "the fits of logistic regression": [
        line("evaluation/logistic.py", "logistic-regression", "tolerance", "class-examples")
    ],
    "a metric": [line("evaluation/metrics.py", "learner", "tolerance", "class-examples")],
    "a kind of figure or table, its text too": [
        line("figures/budget_curve.py", "budget-curve"),
        Edit("figures/contact_sheet.py", '"""', '"""Anew. ', ('"contact-sheet"',)),
        line("figures/metrics.py", "metrics"),
        line("figures/average_rank.py", "average-rank"),
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
    stages = re.findall("`([a-z]+)`", anew)
    expected = {
        name
        for name, part in before.items()
        if part.stage in stages and any(word in part.recipe for word in edit.used)
    }
    changed = {name for name, part in before.items() if after[name].code != part.code}
    assert changed == expected
    assert bool(changed) == (anew != "nothing")
