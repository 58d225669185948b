"""Ingest: the files that its two stages write, whatever the source."""

import math
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.problems import Problems
from coldstart.config.loading.recipes import load_recipes
from coldstart.config.recipes.datasets import SOURCES, Dataset
from coldstart.data.ingest import make_images, make_labels
from coldstart.data.source import CHUNK_BYTES
from coldstart.running.job import Job
from coldstart.running.settings import Settings

ROOT = Path(__file__).parents[2]
RECIPES = load_recipes(ROOT / "workflow", "paper", Problems())
IMAGE = 96 * 96 * 3


def own_stl10(digest="sha256:", **parts):
    return Dataset(
        source="stl10", digest=digest, shape=[96, 96, 3], classes=["a", "b", "c"], parts=parts
    )


def write_stl10(folder, **labels):
    """STL-10's files with random pixels: the labels of each part, or how many it has without."""
    folder = folder / "stl10_binary"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, of_part in labels.items():
        count = of_part if isinstance(of_part, int) else len(of_part)
        (folder / f"{part}_X.bin").write_bytes(rng.bytes(count * IMAGE))
        if not isinstance(of_part, int):
            (folder / f"{part}_y.bin").write_bytes(bytes(label + 1 for label in of_part))


def idx_header(*shape):
    return struct.pack(f">{1 + len(shape)}I", 0x800 + len(shape), *shape)


def job(recipe, data_dir, out):
    out.mkdir(exist_ok=True)
    return Job(recipe, {}, out, out, Settings(data_dir=data_dir))


def said_digest(stage, recipe, data_dir, out):
    """The digest of an own edition, taken from the error about a recipe without it."""
    with pytest.raises(ColdstartError, match="digest is sha256:") as refusal:
        stage(job(recipe, data_dir, out))
    return re.search(r"digest is (sha256:\w{64}), .* says sha256:\.", str(refusal.value))[1]


def test_digits_equal_those_of_scikit_learn(tmp_path):
    import sklearn.datasets

    recipe = RECIPES.get("datasets", "digits")
    make_images(job(recipe.images_recipe(), tmp_path, tmp_path))
    make_labels(job(recipe.labels_recipe(), tmp_path, tmp_path))
    ink, target = sklearn.datasets.load_digits(return_X_y=True)
    grey = np.round(ink.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    np.save(tmp_path / "expected.npy", grey)
    written = (tmp_path / "images.npy").read_bytes()
    assert written == (tmp_path / "expected.npy").read_bytes()
    items = pd.read_parquet(tmp_path / "items.parquet")
    expected = pd.DataFrame({"id": np.arange(1797), "part": "all"})
    pd.testing.assert_frame_equal(items, expected, check_dtype=False)
    labels = pd.read_parquet(tmp_path / "labels.parquet")
    expected = pd.DataFrame({"id": np.arange(1797), "label": target.astype(np.int64)})
    pd.testing.assert_frame_equal(labels, expected)


def test_own_edition_is_checked_by_its_digest_in_both_stages(tmp_path):
    write_stl10(tmp_path, unlabeled=2, train=[0, 2, 1, 1], test=[1, 0, 2])
    parts = {"unlabeled": 2, "train": [1, 2, 1], "test": [1, 1, 1]}
    recipe = own_stl10(**parts)
    digest = said_digest(make_images, recipe.images_recipe(), tmp_path, tmp_path / "out")
    assert digest == said_digest(make_labels, recipe.labels_recipe(), tmp_path, tmp_path / "out")
    recipe = own_stl10(digest, **parts)
    out = tmp_path / "out"
    make_images(job(recipe.images_recipe(), tmp_path, out))
    make_labels(job(recipe.labels_recipe(), tmp_path, out))
    assert np.load(out / "images.npy").shape == (9, 96, 96, 3)
    items = pd.read_parquet(out / "items.parquet")
    assert items["part"].tolist() == ["unlabeled"] * 2 + ["train"] * 4 + ["test"] * 3
    labels = pd.read_parquet(out / "labels.parquet")
    assert labels["id"].tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert labels["label"].tolist() == [0, 2, 1, 1, 1, 0, 2]
    # One other label, with the counts left alone, is another edition too.
    (tmp_path / "stl10_binary" / "test_y.bin").write_bytes(bytes([1, 2, 3]))
    for stage, stage_recipe in (
        (make_images, recipe.images_recipe()),
        (make_labels, recipe.labels_recipe()),
    ):
        with pytest.raises(ColdstartError, match="digest is sha256"):
            stage(job(stage_recipe, tmp_path, out))


def test_wrong_number_of_images_is_refused_with_both_numbers(tmp_path):
    write_stl10(tmp_path, train=[0, 2, 1, 1])
    recipe = own_stl10(train=[1, 1, 3])
    with pytest.raises(ColdstartError, match=r"parts\.train is 4, but .* says 5\. Your files"):
        make_images(job(recipe.images_recipe(), tmp_path, tmp_path))
    with pytest.raises(ColdstartError, match=r"train is \[1, 2, 1\], but .* says \[1, 1, 3\]"):
        make_labels(job(recipe.labels_recipe(), tmp_path, tmp_path))


def test_a_label_above_the_classes_is_refused(tmp_path):
    write_stl10(tmp_path, train=[0, 1, 2, 3])
    recipe = own_stl10(train=[1, 1, 2])
    with pytest.raises(ColdstartError, match=r"train is \[1, 1, 1, 1\]"):
        make_labels(job(recipe.labels_recipe(), tmp_path, tmp_path))


def test_fewer_labels_than_images_are_refused(tmp_path):
    write_stl10(tmp_path, train=[0, 1, 2])
    (tmp_path / "stl10_binary" / "train_y.bin").write_bytes(bytes([1, 2]))
    with pytest.raises(ColdstartError, match="3 images but 2 labels"):
        make_labels(job(own_stl10(train=[1, 1, 1]).labels_recipe(), tmp_path, tmp_path))


def test_truncated_file_is_refused(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(idx_header(9, 28, 28) + bytes(8 * 28 * 28 + 5))
    (raw / "train-labels-idx1-ubyte").write_bytes(idx_header(9) + bytes(9))
    recipe = {"source": "mnist", "digest": "sha256:", "shape": [28, 28, 1], "parts": {"train": 9}}
    with pytest.raises(ColdstartError, match="says it has 9 images, but 8 were read"):
        make_images(job(recipe, tmp_path, tmp_path))


def test_images_of_another_shape_are_refused(tmp_path):
    write_stl10(tmp_path, train=[0])
    recipe = {**own_stl10(train=1).images_recipe(), "shape": [64, 64, 3]}
    with pytest.raises(ColdstartError, match=r"shape is \[96, 96, 3\], but .* says \[64, 64, 3\]"):
        make_images(job(recipe, tmp_path, tmp_path))


def test_a_damaged_file_of_labels_is_refused(tmp_path):
    write_stl10(tmp_path, train=np.repeat(np.arange(10), 500).tolist())
    recipe = {**RECIPES.get("datasets", "stl10").labels_recipe(), "parts": {"train": [500] * 10}}
    with pytest.raises(ColdstartError, match=r"train_y\.bin is damaged"):
        make_labels(job(recipe, tmp_path, tmp_path))


def test_labels_are_read_without_the_images(tmp_path):
    """Labels are read without pixels, of which there are none here."""
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "t10k-images-idx3-ubyte").write_bytes(idx_header(5, 28, 28))
    (raw / "t10k-labels-idx1-ubyte").write_bytes(idx_header(5) + bytes([2, 0, 1, 0, 2]))
    published = RECIPES.get("datasets", "kmnist").labels_recipe()
    recipe = {**published, "classes": ["a", "b", "c"], "parts": {"test": [2, 1, 2]}}
    make_labels(job(recipe, tmp_path, tmp_path))
    assert pd.read_parquet(tmp_path / "labels.parquet")["label"].tolist() == [2, 0, 1, 0, 2]
    recipe = {**recipe, "shape": [28, 28, 1], "parts": {"test": 5}}
    with pytest.raises(ColdstartError, match="5 images, but 0 were read"):
        make_images(job(recipe, tmp_path, tmp_path))


@pytest.mark.parametrize("source", ["stl10", "mnist", "svhn"])
def test_a_large_set_needs_memory_for_a_few_chunks(tmp_path, source):
    from scipy.io import savemat

    count, shape = {
        "stl10": (6_000, [96, 96, 3]),
        "mnist": (200_000, [28, 28, 1]),
        "svhn": (50_000, [32, 32, 3]),
    }[source]
    size = count * math.prod(shape)
    if source == "stl10":
        (tmp_path / "stl10_binary").mkdir()
        with (tmp_path / "stl10_binary" / "unlabeled_X.bin").open("wb") as file:
            file.truncate(size)
        part = "unlabeled"
    elif source == "mnist":
        raw = tmp_path / "MNIST" / "raw"
        raw.mkdir(parents=True)
        with (raw / "train-images-idx3-ubyte").open("wb") as file:
            file.write(idx_header(count, 28, 28))
            file.truncate(16 + size)
        (raw / "train-labels-idx1-ubyte").touch()
        part = "train"
    else:
        content = {"X": np.zeros((32, 32, 3, count), np.uint8), "y": np.ones((count, 1), np.uint8)}
        savemat(tmp_path / "extra_32x32.mat", content, do_compression=True)
        del content
        part = "extra"
    recipe = {"source": source, "digest": "sha256:", "shape": shape, "parts": {part: count}}
    tracemalloc.start()
    try:
        with pytest.raises(ColdstartError, match="digest"):
            make_images(job(recipe, tmp_path, tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "images.npy").stat().st_size == 128 + size
    assert peak < 6 * CHUNK_BYTES < size


def test_progress_is_shown(tmp_path, caplog):
    caplog.set_level("INFO", "coldstart")
    recipe = RECIPES.get("datasets", "digits")
    make_images(job(recipe.images_recipe(), tmp_path, tmp_path))
    assert "reading digits  1797/1797" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": {"all": [1] * 9}}, "has counts of 9 classes, but `classes` names 10"),
        ({"labels": "fine"}, "digits.labels"),
        ({"source": "cifar100"}, "cifar100.labels"),
        ({"digest": "none"}, "digest"),
        ({"parts": {}}, "parts"),
    ],
)
def test_recipe_with_contradictions_is_refused(change, message):
    digits = RECIPES.get("datasets", "digits").model_dump()
    with pytest.raises(ValueError, match=message):
        SOURCES.adapter().validate_python({**digits, **change})
