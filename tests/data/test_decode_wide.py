"""Images of more than 8 bits a channel, brought to levels that are given."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from coldstart.data.sources.decode import BrokenImageError, decode_with_header
from tests.helpers.encoded import as_is, png, saved, tiff

RNG = np.random.default_rng(0)
FULL = (0, 65535)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(kind):
    levels = np.linspace(0, 65535, 60).astype(np.uint16).reshape(6, 10)
    found = as_is(saved(levels, kind), levels.shape, 1, FULL)
    assert (found[..., 0] == np.round(levels / 257)).all()


def test_sixteen_bit_big_endian_grey_is_scaled():
    levels = np.linspace(0, 65535, 60).astype(">u2").reshape(6, 10)
    image = Image.frombytes("I;16B", (10, 6), levels.tobytes())
    found = as_is(saved(image, "TIFF"), levels.shape, 1, FULL)
    assert (found[..., 0] == np.round(levels / 257)).all()


@pytest.mark.parametrize("kind", ["PNG", "little TIFF", "big TIFF", "deflated TIFF"])
@pytest.mark.parametrize("top", [65535, 700])
def test_sixteen_bit_colour_is_scaled(kind, top):
    levels = RNG.integers(0, top + 1, (4, 5, 3)).astype(np.uint16)
    if kind == "PNG":
        file = png(5, 4, 16, 2, [row.astype(">u2").tobytes() for row in levels])
    else:
        file = tiff(levels, ">" if kind == "big TIFF" else "<", kind == "deflated TIFF")
    found = as_is(file, levels.shape, levels=(0, top))
    assert (found == np.round(levels.astype(float) * 255 / top)).all()


def test_sixteen_bit_alpha_is_left_out_of_the_range():
    levels = np.full((2, 2, 4), 500, np.uint16)
    levels[0, :, 3], levels[1, :, 3] = 65535, 0
    file = png(2, 2, 16, 6, [row.astype(">u2").tobytes() for row in levels])
    assert as_is(file, (2, 2), 1, (0, 1000))[..., 0].tolist() == [[128] * 2, [255] * 2]


def test_inverted_grey_is_shown_upright():
    for levels in (np.array([[0, 700]], np.uint16), np.array([[0, 255]], np.uint8)):
        file = tiff(levels, "<", t262=0)
        pixels, header = decode_with_header(file, 1, 2, 1, "squash", (0, 700))
        assert pixels.ravel().tolist() == [255, 0]
        assert header.inverted


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.float32])
@pytest.mark.parametrize("order", ["<", ">"])
def test_other_number_types_are_scaled(dtype, order):
    if (dtype, order) == (np.uint32, ">"):
        pytest.skip("Pillow reads none")
    unsigned, real = dtype == np.uint32, dtype == np.float32
    levels = np.array([[0, 3], [100, 50]] if unsigned else [[-100, 0], [100, 50]], dtype)
    file = tiff(levels, order, t339=1 if unsigned else 3 if real else 2)
    low = 0 if unsigned else -100
    expected = (levels.astype(float) - low) * 255 / (100 - low)
    found = as_is(file, (2, 2), 1, (low, 100))[..., 0]
    np.testing.assert_allclose(found, expected, atol=0.5 + 1e-9)


def test_values_outside_the_levels_are_clipped_and_nan_is_black():
    levels = np.array([[-np.inf, 1, np.nan], [np.inf, 2, 3]], np.float32)
    found = as_is(saved(levels, "TIFF"), (2, 3), 1, (1, 2))
    assert found[..., 0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_twelve_bit_images_are_scaled():
    levels = [0, 4095, 2048, 16]
    packed = b"".join(
        bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in (levels[:2], levels[2:])
    )
    # Width, height, bits, no compression, black is zero, where, samples, rows, bytes.
    tags = {256: 2, 257: 2, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: len(packed)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    body = packed + b"\0" * (-len(packed) % 2)
    header = b"II*\0" + struct.pack("<I", 8 + len(body))
    file = io.BytesIO(header + body + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0))
    found = as_is(file, (2, 2), 1, (0, 4095))
    assert found.ravel().tolist() == [0, 255, 128, 1]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_pixels_without_a_known_range_are_refused(dtype):
    with pytest.raises(BrokenImageError, match="more than 8 bits a channel"):
        as_is(saved(np.zeros((4, 4), dtype), "TIFF"), (4, 4))
