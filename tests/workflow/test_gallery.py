"""The study of docs/gallery.md, built at smoke scale."""

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


def test_gallery_is_built(fresh):
    fresh.snakemake(config=("scale=smoke", "studies=gallery"))
    study = shipped("smoke").recipes.get("studies", "gallery")
    for name in study.figures:
        assert (fresh.folder / f"results/figures/gallery/{name}.svg").stat().st_size > 3_000
