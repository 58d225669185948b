"""Thumbnails on sheets, and places on the map."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from coldstart.pages import thumbnails
from coldstart.pages.layout import place_others
from coldstart.pages.thumbnails import make_sheets, make_thumbnails


def on_sheet(sheets, number):
    """The mean colour of the middle of a thumbnail, as the page's script finds it."""
    each = sheets.columns * sheets.rows
    data = sheets.addresses[number // each].removeprefix("data:image/jpeg;base64,")
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    row, column = divmod(number % each, sheets.columns)
    top, left = row * sheets.height, column * sheets.width
    part = sheet[top : top + sheets.height, left : left + sheets.width]
    assert part.shape[:2] == (sheets.height, sheets.width)
    return part[sheets.height // 4 : -sheets.height // 4].mean(axis=(0, 1))


@pytest.mark.parametrize("shape", [(8, 8, 1), (30, 60, 3), (64, 16, 3)])
def test_each_thumbnail_is_where_the_page_looks_for_it(shape, monkeypatch):
    monkeypatch.setattr(thumbnails, "ACROSS", 200)
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, size=(50, 1, 1, shape[2]))
    images = np.broadcast_to(colours, (50, *shape)).astype(np.uint8)
    order = rng.permutation(50)
    sheets = make_sheets(make_thumbnails(images, order))
    assert max(sheets.width, sheets.height) == thumbnails.LARGEST
    assert sheets.width * shape[0] == pytest.approx(sheets.height * shape[1], rel=0.05)
    for number in range(50):
        np.testing.assert_allclose(
            on_sheet(sheets, number), np.broadcast_to(colours[order[number]].ravel(), 3), atol=12
        )


def test_many_thumbnails_are_small():
    images = np.zeros((20_000, 4, 4, 1), dtype=np.uint8)
    sheets = make_sheets(make_thumbnails(images, np.arange(20_000)))
    assert sheets.width == 39  # 20,000 squares of 30 million pixels
    assert len(sheets.addresses) == -(-20_000 // (sheets.columns * sheets.rows))


def test_others_are_placed_between_their_neighbours():
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(40, 5)).astype(np.float32)
    laid_out = rng.permutation(40)[:25]
    places = rng.normal(size=(25, 2)).astype(np.float32)
    found = place_others(embeddings, laid_out, places)
    np.testing.assert_array_equal(found[laid_out], places)
    for row in set(range(40)) - set(laid_out.tolist()):
        distances = np.linalg.norm(embeddings[laid_out] - embeddings[row], axis=1)
        nearest = np.argsort(distances)[:3]
        expected = np.average(places[nearest], axis=0, weights=1 / distances[nearest])
        np.testing.assert_allclose(found[row], expected, rtol=1e-4)


def test_copy_of_a_laid_out_image_lies_on_it():
    embeddings = np.array([[0, 0], [3, 0], [0, 4], [3, 0]], dtype=np.float32)
    places = np.array([[1, 1], [5, 5], [9, 1]], dtype=np.float32)
    found = place_others(embeddings, np.arange(3), places)
    np.testing.assert_allclose(found[3], [5, 5], atol=1e-4)
