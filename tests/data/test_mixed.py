"""Mixed pools: two data sets in one array."""

import errno
import multiprocessing
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from coldstart.config.recipes.pools import OUTLIERS
from coldstart.data.mix import brought_to, make_images, make_labels
from tests.helpers.jobs import artefact_in, make_job


def artefact(path, images, parts):
    path.mkdir()
    np.save(path / "images.npy", images)
    items = pd.DataFrame({"id": np.arange(len(images)), "part": parts})
    items.to_parquet(path / "items.parquet")
    labels = items[["id"]].assign(label=items["id"] % 3)
    labels.to_parquet(path / "labels.parquet")
    return artefact_in(path)


@pytest.fixture
def mixed(tmp_path):
    rng = np.random.default_rng(0)
    own = rng.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    others = rng.integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    inputs = {
        "own": artefact(tmp_path / "own", own, ["train"] * 4 + ["test"]),
        "outliers": artefact(tmp_path / "others", others, ["train", "test"] * 3),
    }
    recipe = {"shape": [8, 8, 3], "dataset": "others", "part": "test", "count": 2}
    out = tmp_path / "out"
    make_images(make_job(out, recipe, inputs))
    make_labels(make_job(out, recipe, inputs | {"images": artefact_in(out)}))
    return own, others, artefact_in(out)


def test_outliers_follow_the_images_of_the_pool(mixed):
    own, others, out = mixed
    images = np.load(out.path("images.npy"))
    np.testing.assert_array_equal(images[:5], own)
    np.testing.assert_array_equal(images[5:], others[[1, 3]].repeat(3, axis=-1))


def test_outlier_has_a_part_of_its_own_and_no_label(mixed):
    *_, out = mixed
    items = pd.read_parquet(out.path("items.parquet"))
    labels = pd.read_parquet(out.path("labels.parquet"))
    assert items["id"].tolist() == labels["id"].tolist() == list(range(7))
    assert items["part"].tolist() == ["train"] * 4 + ["test"] + [OUTLIERS] * 2
    assert labels["label"].tolist()[:5] == [0, 1, 2, 0, 1]
    assert labels["label"].isna().tolist() == [False] * 5 + [True] * 2


def test_file_equals_the_one_that_numpy_writes(mixed, tmp_path):
    *_, out = mixed
    np.save(tmp_path / "again.npy", np.load(out.path("images.npy")))
    assert out.path("images.npy").read_bytes() == (tmp_path / "again.npy").read_bytes()


def test_a_full_disk_is_an_error_of_the_system(tmp_path, small_disk):
    """In a process of its own, because a write to a mapped file on a full disk raises a signal."""
    images = np.ones((300, 64, 64, 1), dtype=np.uint8)  # 1.2 MB
    inputs = {
        "own": artefact(tmp_path / "own", images, "train"),
        "outliers": artefact(tmp_path / "others", images[:1], "train"),
    }
    recipe = {"shape": [64, 64, 1], "dataset": "others", "part": "train", "count": 1}
    job = make_job(small_disk, recipe, inputs)
    process = multiprocessing.get_context("fork").Process(target=write_and_end, args=(job,))
    process.start()
    process.join()
    assert process.exitcode == errno.ENOSPC


def write_and_end(job):
    """End the process with the number of the system's error as its exit code."""
    try:
        make_images(job)
    except OSError as error:
        os._exit(error.errno)


def test_resizing_equals_pillow():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (28, 20, 3), dtype=np.uint8)
    wanted = np.asarray(Image.fromarray(image).resize((32, 8), Image.Resampling.BILINEAR))
    found = brought_to(image[None], 8, 32, 3)[0]
    # Pillow rounds between its two passes.
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1


def test_colour_becomes_grey_by_luma():
    image = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    image[..., 1] = 200
    np.testing.assert_array_equal(brought_to(image, 2, 2, 1), np.full((1, 2, 2, 1), 117))


def test_image_of_the_right_shape_is_unchanged():
    image = np.random.default_rng(2).integers(0, 256, (3, 5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(brought_to(image, 5, 7, 3), image)
