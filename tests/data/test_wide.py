"""The range of images of more than 8 bits, measured over a folder."""

import json

import numpy as np
import pytest
from PIL import Image

from coldstart.config.recipes.datasets.folder import Folder
from coldstart.data.notes import sentences
from coldstart.data.sources.scan import scan_folder
from coldstart.data.sources.wide import SAMPLED, measured, sample
from tests.helpers.folders import UNUSED, opened, paint, pixels, recipe_of

pytestmark = pytest.mark.usefixtures("places")


def blobs(folder, count, dtype=np.uint16, top=4095):
    """Images as a microscope's: noise around 110, and spots that reach 250."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    folder.mkdir()
    for index in range(count):
        image = 110 + rng.normal(0, 6, (64, 64))
        for _ in range(1 + index % 8):
            row, column = rng.uniform(8, 56, 2)
            spot = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18)
            image += rng.uniform(80, 140) * spot
        Image.fromarray(np.clip(image, 0, top).astype(dtype)).save(folder / f"{index:02}.tif")
    return folder


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
def test_measured_range_is_stretched_over_eight_bits(tmp_path, dtype):
    source = opened(recipe_of(blobs(tmp_path / "micro", 12, dtype), size=[32, 32]))
    found = pixels(source)
    assert len(np.unique(found)) > 200
    notes = source.notes()
    low, high = notes["levels"]
    assert 85 < low < 100
    assert 200 < high < 300
    assert notes["wide"] == 12
    (said,) = sentences(json.loads(json.dumps(notes)))
    assert "12 images have more than 8 bits" in said
    assert "--config levels=" in said


def test_all_images_share_one_range(tmp_path):
    for index, level in enumerate((100, 400, 1000)):
        image = np.full((8, 8), level, np.uint16)
        image[0] = 0
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    found = pixels(opened(recipe_of(tmp_path, resize="squash")))
    assert found[:, -1, 0, 0].tolist() == [26, 102, 255]


def test_levels_of_the_recipe_are_used(tmp_path):
    folder = blobs(tmp_path / "micro", 3)
    source = opened(recipe_of(folder, size=[64, 64], levels=[100, 150]))
    stored = np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])
    expected = np.clip((stored.astype(float) - 100) * 255 / 50, 0, 255)
    np.testing.assert_allclose(pixels(source)[..., 0], expected, atol=0.51)
    assert "measured" not in " ".join(sentences(source.notes()))


def test_levels_are_in_the_recipe_of_the_images(tmp_path):
    folder = blobs(tmp_path / "micro", 2)
    recipes = [
        scan_folder(recipe_of(folder, **given), UNUSED, None).images_recipe()
        for given in ({}, {"levels": [100, 150]})
    ]
    assert recipes[0] != recipes[1]


@pytest.mark.parametrize("levels", [[5, 5], [6, 5], [1], [1, 2, 3], ["a", 2], [0, float("inf")]])
def test_levels_that_are_no_ascending_pair_are_refused(levels):
    with pytest.raises(ValueError, match="levels"):
        Folder(source="folder", path="x", size=[8, 8], labels="none", levels=levels)


def test_range_that_leaves_most_images_dark_gives_a_warning(tmp_path):
    source = opened(recipe_of(blobs(tmp_path / "micro", 4), size=[32, 32], levels=[0, 65535]))
    assert len(np.unique(pixels(source))) <= 2
    said = "\n".join(sentences(source.notes()))
    assert "WARNING: all images together use" in said
    assert "set `levels`" in said


def test_a_hot_pixel_does_not_set_the_range():
    plain = np.linspace(100, 200, 64 * 64)
    hot = plain.copy()
    hot[7] = 65535
    assert measured([plain] * 9 + [hot]) == pytest.approx((100, 200), abs=1)


def test_range_of_nearly_equal_values_is_not_empty():
    flat = np.full(10_000, 7.0)
    assert measured([flat]) == (7, 8)
    assert measured([np.append(flat, 9)]) == (7, 9)
    assert measured([np.full(4, np.nan)]) == (0, 1)
    assert measured([np.append(flat, [np.inf, -np.inf])]) == (7, 8)


def test_a_large_set_is_sampled():
    image = np.arange(512 * 512, dtype=np.uint16).reshape(512, 512)
    assert len(sample(image, 1)) == image.size
    assert len(sample(image, SAMPLED)) == pytest.approx(64, abs=1)
    alpha = np.zeros((4, 4, 4), np.uint16)
    alpha[..., 3] = 65535
    assert sample(alpha, 1).max() == 0


def test_images_of_eight_bits_beside_wide_ones_stay_as_they_are(tmp_path):
    folder = blobs(tmp_path / "micro", 3)
    paint(folder / "plain.png", 77)
    source = opened(recipe_of(folder))
    assert (pixels(source)[-1] == 77).all()
    assert source.notes()["wide"] == 3


def test_images_without_content_are_counted(tmp_path):
    for index in range(5):
        paint(tmp_path / f"black{index}.png", 0)
    faint = np.full((9, 9), 100, np.uint8)
    faint[0] = 105
    Image.fromarray(faint).save(tmp_path / "faint.png")
    Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(tmp_path / "good.png")
    source = opened(recipe_of(tmp_path, size=[16, 16]))
    pixels(source)
    said = "\n".join(sentences(source.notes()))
    assert "5 images are of one colour all over: black0.png, black1.png, black2.png, ..." in said
    assert (
        "1 image is nearly of one colour (their values differ by at most 8 of 255): faint" in said
    )
    assert "WARNING" not in said


def test_pages_and_inverted_images_are_counted(tmp_path):
    pages = [Image.new("L", (4, 4), level) for level in (10, 20, 30)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    Image.new("1", (4, 4)).save(tmp_path / "fax.tif", compression="group4", tiffinfo={262: 0})
    source = opened(recipe_of(tmp_path))
    pixels(source)
    assert source.notes()["pages"] == {"pages.tif": 3}
    said = "\n".join(sentences(source.notes()))
    assert "1 of 2 images store white as their lowest value" in said
    assert "1 file has more than one page" in said
