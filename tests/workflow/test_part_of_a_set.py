"""The figures of a set that is here in part, as an edition of its own."""

import os

import pandas as pd
import pytest

DATASET = """
svhn-test-10000:
  source: arrays
  path: svhn/svhn_test_first10000.npz
"""
POOL = """
svhn-test-10000:
  operator: split
  dataset: svhn-test-10000
  splits:
    unlabeled: { part: all, first: 0, last: 7999, per: part }
    candidates: { part: all, first: 0, last: 7999, per: part }
    test: { part: all, first: 8000, last: 9999, per: part }
"""
FIGURE = "results/figures/byol-samplers/figure-3b.csv"


@pytest.mark.skipif("COLDSTART_DATA" not in os.environ, reason="COLDSTART_DATA names no folder")
def test_svhns_figure_is_drawn_of_a_part_of_its_test_images(fresh):
    for name, recipe in (("datasets", DATASET), ("pools", POOL)):
        with (fresh.folder / f"workflow/recipes/{name}.yaml").open("a") as file:
            file.write(recipe)
    study = "workflow/studies/byol-samplers.yaml"
    fresh.edit(study, "    pool: svhn\n", "    pool: svhn-test-10000\n")
    fresh.edit(study, ", 7500, 10000]", ", 7500]")
    path = fresh.folder / study  # k-means of thousands of clusters takes long
    path.write_text(path.read_text().replace("sampler_seeds: 5", "sampler_seeds: 1"))
    config = ("scale=smoke", "studies=byol-samplers", f"data_dir={os.environ['COLDSTART_DATA']}")
    fresh.snakemake(FIGURE, config=config)
    drawn = pd.read_csv(fresh.folder / FIGURE)
    assert drawn["budget"].max() == 7500
    assert drawn.groupby("sampler")["budget"].nunique().eq(36).all()
