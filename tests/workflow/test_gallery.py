"""The study of docs/gallery.md."""

import re
from pathlib import Path

import pytest

from coldstart.config.recipes.targets import FIGURES
from tests.helpers.plans import shipped

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/gallery.md"


def test_gallery_has_each_kind_of_figure():
    study = shipped("cpu").recipes.get("studies", "gallery")
    kinds = {figure.kind for figure in study.figures.values()} | {"data-sheet"}
    assert kinds == set(FIGURES.names())
    shown = set(re.findall(r"gallery/([\w-]+)\.(?:svg|png)", PAGE.read_text()))
    assert shown == set(study.figures) | {"data-sheet"}


def test_gallery_can_be_planned(fresh):
    planned = fresh.planned(config=("scale=smoke", "studies=gallery"))
    study = shipped("smoke").recipes.get("studies", "gallery")
    assert planned["figure"] == len(study.figures) + 1  # and the data sheet of the pool
    assert planned["table"] == len(study.tables)
    assert planned["select"] == sum(len(run.samplers) for run in study.runs.values()) + 2
