import hashlib
import json
import logging
import os
import shutil
import subprocess
import threading

import numpy as np
import pandas as pd
import pytest

from coldstart.common.errors import ColdstartError
from coldstart.data.ingest import make_images, make_labels
from coldstart.data.sources import folder
from coldstart.data.sources.scan import scan_folder
from coldstart.running.job import Job
from coldstart.running.places import export_places
from coldstart.running.settings import Settings
from tests.helpers.folders import LEVELS, PATHS, UNUSED, opened, paint, pixels, recipe_of

pytestmark = pytest.mark.usefixtures("places")


def test_a_folder_is_read_in_the_order_of_its_paths(images):
    source = opened(recipe_of(images))
    found = pixels(source)
    assert list(source.parts[0].paths) == PATHS
    assert source.parts[0].count == 6
    assert found.shape == (6, 8, 8, 3)
    assert found.dtype == np.uint8
    assert np.abs(found - np.reshape(LEVELS, (6, 1, 1, 1))).max() <= 1
    assert source.parts[0].skipped() == {}


def test_order_is_kept_over_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "chunk_images", lambda size: 10)
    for index in range(73):
        paint(tmp_path / f"{index:03}.png", index)
    chunks = list(opened(recipe_of(tmp_path, channels=1)).parts[0].chunks())
    assert [len(chunk) for chunk in chunks] == [10] * 7 + [3]
    assert np.concatenate(chunks)[:, 0, 0, 0].tolist() == list(range(73))


def test_the_plan_gets_shape_classes_parts_and_recipes(images):
    scan = scan_folder(recipe_of(images, labels="folders", channels=1), UNUSED, None)
    assert scan.shape == [8, 8, 1]
    assert scan.classes == ["cat", "dog", "dog-2"]
    assert scan.parts == {"all": [3, 2, 1]}
    assert scan.unlabelled == 0
    assert scan.images_recipe() == {
        "source": "folder",
        "size": [8, 8],
        "channels": 1,
        "resize": "crop",
        "levels": "measured",
        "on_broken": "skip",
        "shape": [8, 8, 1],
        "parts": {"all": 6},
        "digest": scan.digest,
    }
    assert str(images) not in json.dumps([scan.images_recipe(), scan.labels_recipe()])


def test_the_digest_is_that_of_sha256sum(images):
    scan = scan_folder(recipe_of(images), UNUSED, None)
    command = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -z"
    printed = subprocess.run(command, cwd=images, shell=True, capture_output=True, check=True)
    assert scan.digest == "sha256:" + hashlib.sha256(printed.stdout).hexdigest()


def test_neither_place_nor_time_nor_other_files_change_the_digest(images, tmp_path):
    before = scan_folder(recipe_of(images), UNUSED, None).digest
    moved = tmp_path / "elsewhere"
    shutil.copytree(images, moved)
    os.utime(moved / "cat/b.png", (1, 1))
    (moved / "notes.txt").write_text("no image")
    (moved / ".hidden.png").write_bytes(b"no image")
    paint(moved / ".cache/thumb.png", 3)
    assert scan_folder(recipe_of("elsewhere"), tmp_path, None).digest == before


@pytest.mark.parametrize("change", ["content", "name", "one more", "one less"])
def test_any_change_of_the_images_changes_the_digest(images, change):
    before = scan_folder(recipe_of(images), UNUSED, None).digest
    if change == "content":
        paint(images / "cat/b.png", 99)
    elif change == "name":
        (images / "cat/b.png").rename(images / "cat/c.png")
    elif change == "one more":
        paint(images / "cat/c.png", 1)
    else:
        (images / "cat/b.png").unlink()
    assert scan_folder(recipe_of(images), UNUSED, None).digest != before


def break_some(root):
    (root / "cat/empty.jpg").touch()
    whole = (root / "cat/a b.jpg").read_bytes()
    (root / "dog/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "dog/text.png").write_text("no image")


def test_broken_images_are_skipped_with_a_message(images, caplog):
    break_some(images)
    with caplog.at_level(logging.WARNING, "coldstart"):
        source = opened(recipe_of(images))
        found = pixels(source)
    assert source.parts[0].count == len(found) == 9
    paths = source.parts[0].paths
    skipped = source.parts[0].skipped()
    assert {paths[row] for row in skipped} == {"cat/empty.jpg", "dog/cut.jpg", "dog/text.png"}
    assert skipped[paths.index("cat/empty.jpg")] == "is empty (0 bytes)"
    assert (found[list(skipped)] == 0).all()
    assert found[paths.index("dog/a.bmp")].min() == 50
    for name in ("cat/empty.jpg", "dog/cut.jpg", "dog/text.png", "skipped 3 of 9"):
        assert name in caplog.text


def test_broken_image_is_an_error_if_the_recipe_says_so(images):
    (images / "cat/empty.jpg").touch()
    before = threading.active_count()
    with pytest.raises(ColdstartError, match=r"cat/empty\.jpg is empty .*\n.*on_broken: skip"):
        pixels(opened(recipe_of(images, on_broken="fail")))
    assert threading.active_count() == before


def test_folder_without_a_readable_image_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()
    with pytest.raises(ColdstartError, match=r"None of the 2 images in .* JPEG, .*a\.png is empty"):
        pixels(opened(recipe_of(tmp_path)))


def test_missing_or_empty_folder_is_refused(tmp_path):
    with pytest.raises(ColdstartError, match=r"no folder .*nowhere[^ ]*\n.*\*\.jpg.*\n.*data_dir"):
        scan_folder(recipe_of("nowhere"), tmp_path, None)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ColdstartError, match=r"no images in .*\n.*\*\.jpg, .*\*\.tiff"):
        scan_folder(recipe_of(tmp_path), UNUSED, None)


def test_unusual_file_names_are_accepted(tmp_path):
    for name in ["new\nline.png", "sp ace.png", "日本.png", "quo'te\".png"]:
        paint(tmp_path / name, 7)
    source = opened(recipe_of(tmp_path))
    assert (pixels(source) == 7).all()
    assert sorted(source.parts[0].paths) == list(source.parts[0].paths)


def test_files_that_changed_since_the_plan_are_refused(images):
    source = opened(recipe_of(images))
    paint(images / "cat/b.png", 99)
    pixels(source)
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        source.digest()
    source = opened(recipe_of(images))
    pixels(source)
    assert source.digest() == scan_folder(recipe_of(images), UNUSED, None).digest


def test_additional_file_is_refused(images):
    recipe = scan_folder(recipe_of(images), UNUSED, None)
    export_places(recipe.places)
    paint(images / "cat/c.png", 99)
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        folder.read(recipe.images_recipe(), Settings())
    with pytest.raises(ColdstartError, match="not those that were planned with"):
        folder.read({**recipe.images_recipe(), "digest": "sha256:0"}, Settings())


def test_ingest_writes_the_images_of_a_folder(images, tmp_path):
    scan = scan_folder(recipe_of(images, labels="folders"), UNUSED, None)
    export_places(scan.places)
    for recipe, make in ((scan.images_recipe(), make_images), (scan.labels_recipe(), make_labels)):
        make(Job(recipe, {}, tmp_path, tmp_path / "resume", Settings()))
    assert np.load(tmp_path / "images.npy")[:, 0, 0, 0].tolist() == pytest.approx(LEVELS, abs=1)
    items = pd.read_parquet(tmp_path / "items.parquet")
    assert items["path"].tolist() == PATHS
    labels = pd.read_parquet(tmp_path / "labels.parquet")
    assert labels["label"].tolist() == [0, 0, 0, 2, 1, 1]
