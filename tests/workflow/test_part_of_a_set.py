"""Figures of data sets of which a part is here, each part as an edition of its own."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

pytestmark = pytest.mark.skipif(
    "COLDSTART_DATA" not in os.environ, reason="COLDSTART_DATA names no folder"
)
STUDY = "workflow/studies/byol-samplers.yaml"


def draw(clone, name, pool, path, test, budgets):
    """Draw a figure of the study from an ``.npz`` file, of whose images the last are the test.

    Args:
        clone: to draw it in.
        name: the figure's, which shows one run.
        pool: what the part is called.
        path: of the file.
        test: how many images.
        budgets: of the run and of the figure.
    """
    size = len(np.load(path)["labels"])
    rest = {"part": "all", "first": 0, "last": size - test - 1, "per": "part"}
    splits = {
        "unlabeled": rest,
        "candidates": rest,
        "test": {**rest, "first": size - test, "last": size - 1},
    }
    added = {
        "datasets": {pool: {"source": "arrays", "path": str(path)}},
        "pools": {pool: {"operator": "split", "dataset": pool, "splits": splits}},
    }
    for recipes, more in added.items():
        with (clone.folder / f"workflow/recipes/{recipes}.yaml").open("a") as file:
            yaml.safe_dump(more, file)
    study = yaml.safe_load((clone.folder / STUDY).read_text())
    figure = study["figures"][name] | {"budgets": budgets}
    (run,) = figure["runs"]
    # One seed: k-means of thousands of clusters takes long.
    cut = study["runs"][run] | {"pool": pool, "budgets": budgets, "trials": 1}
    scale = {"runs": {run: study["scales"]["smoke"]["runs"][run]}}
    study |= {"runs": {run: cut}, "figures": {name: figure}, "tables": {}}
    study["scales"] = {"smoke": scale}
    (clone.folder / STUDY).write_text(yaml.safe_dump(study))
    target = f"results/figures/byol-samplers/{name}.csv"
    clone.snakemake(target, config=("scale=smoke", "studies=byol-samplers"))
    drawn = pd.read_csv(clone.folder / target)
    return drawn[drawn["n"] > 0]


def test_figure_of_svhn_is_drawn_from_a_part_of_its_test_images(fresh, tmp_path):
    part = np.load(Path(os.environ["COLDSTART_DATA"], "svhn/svhn_test_first10000.npz"))
    # Fewer than are here: k-means of thousands of clusters takes long.
    np.savez(tmp_path / "part.npz", **{name: array[:4000] for name, array in part.items()})
    few, many = {"from": 5, "to": 91, "step": 3}, [500, 1000, 1500, 2000, 2500]
    drawn = draw(fresh, "figure-3b", "svhn-test-4000", tmp_path / "part.npz", 1000, [few, *many])
    assert drawn["budget"].max() == 2500
    assert drawn.groupby("sampler")["budget"].nunique().to_dict() == dict.fromkeys(
        ["random", "kmeans", "loss-mean", "loss-var", "grad-mean", "grad-var"], 34
    )


def test_figure_of_stl10_is_drawn_from_the_few_images_here(fresh, tmp_path):
    few = np.load(Path(os.environ["COLDSTART_DATA"], "stl10_binary/stl10_test_first95.npz"))
    np.savez(tmp_path / "few.npz", images=few["X"], labels=few["y"].astype(np.int64) - 1)
    budgets = [*range(5, 75, 3)]
    drawn = draw(fresh, "figure-3a", "stl10-test-95", tmp_path / "few.npz", 20, budgets)
    assert drawn["budget"].max() == 74
    assert drawn.groupby("sampler")["budget"].nunique().eq(24).all()
    assert drawn["mean"].between(0, 1).all()
