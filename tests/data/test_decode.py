import io
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from coldstart.data.sources.decode import (
    GAP,
    BrokenImageError,
    Room,
    decode,
    decode_with_header,
)
from tests.helpers.encoded import as_is, chunk, png, saved, tiff

RNG = np.random.default_rng(0)
SMALL = RNG.integers(0, 256, (6, 10, 3)).astype(np.uint8)


def smooth(height, width):
    """Waves that are long enough to survive a reduction to a quarter."""
    rows, columns = np.mgrid[:height, :width] / [[[height]], [[width]]]
    waves = [np.sin(3 * rows + 5 * columns + phase) for phase in range(3)]
    return (127.5 + 120 * np.stack(waves, -1)).astype(np.uint8)


# EXIF 2.32, 4.6.4: which side of the scene the stored first row and first column are.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.swapaxes(0, 1),
    6: lambda upright: upright.swapaxes(0, 1)[::-1],
    7: lambda upright: upright.swapaxes(0, 1)[::-1, ::-1],
    8: lambda upright: upright.swapaxes(0, 1)[:, ::-1],
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 100, "subsampling": 0}, 5),
    ],
)
def test_images_are_rotated_by_their_exif_orientation(orientation, kind, options, tolerance):
    upright = smooth(20, 30)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](upright))
    found = as_is(saved(stored, kind, exif=exif, **options), upright.shape)
    assert np.abs(found.astype(int) - upright).max() <= tolerance


def test_rotation_comes_before_cropping_and_padding():
    upright = smooth(40, 90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = saved(np.ascontiguousarray(STORED[6](upright)), "PNG", exif=exif)
    for rule in ("crop", "pad"):
        expected = decode(saved(upright, "PNG"), 20, 24, 3, rule)
        found = decode(turned, 20, 24, 3, rule)
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_grey_becomes_three_equal_channels():
    grey = SMALL[..., 0]
    found = as_is(saved(grey, "PNG"), grey.shape)
    assert (found == grey[..., None]).all()


def test_colour_becomes_grey_by_luma():
    found = as_is(saved(SMALL, "PNG"), SMALL.shape, channels=1)
    assert found.shape == (6, 10, 1)
    assert np.abs(found[..., 0] - SMALL @ [0.299, 0.587, 0.114]).max() <= 1


def test_one_bit_images_become_black_and_white():
    bits = SMALL[..., 0] > 127
    assert (as_is(saved(Image.fromarray(bits), "PNG"), bits.shape, 1)[..., 0] == 255 * bits).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette_images_become_their_colours(kind):
    palette = RNG.integers(0, 256, (16, 3)).astype(np.uint8)
    indices = RNG.integers(0, 16, (6, 10)).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    assert (as_is(saved(image, kind), indices.shape) == palette[indices]).all()


def test_transparent_entries_of_a_palette_become_white():
    palette = RNG.integers(0, 200, (4, 3)).astype(np.uint8)
    indices = RNG.integers(0, 4, (6, 10)).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette(palette.tobytes())
    alpha = np.array([255, 0, 128, 255])
    found = as_is(saved(image, "PNG", transparency=bytes(alpha.tolist())), indices.shape)
    shown = alpha[:, None] / 255 * palette + 255 - alpha[:, None]
    assert np.abs(found - shown[indices]).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_composited_on_white(kind):
    alpha = RNG.integers(0, 256, (6, 10, 1))
    alpha[:2] = 0
    image = np.concatenate([SMALL, alpha.astype(np.uint8)], -1)
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    expected = alpha / 255 * SMALL + 255 - alpha
    assert np.abs(as_is(saved(image, kind, **options), SMALL.shape) - expected).max() <= 1


def test_alpha_is_composited_before_the_image_is_resized():
    # Black and clear columns in turn: half covered, so half grey, whatever the clear ones hide.
    image = np.zeros((4, 8, 4), np.uint8)
    image[:, ::2, 3] = 255
    assert (np.abs(decode(saved(image, "PNG"), 1, 1, 1, "squash") - 127.5) <= 1).all()


def test_a_transparent_grey_level_becomes_white():
    for kind, options in (("uint8", 7), ("uint16", 7 * 257)):
        grey = np.full((3, 3), options, kind)
        grey[1] = options * 2
        found = as_is(saved(grey, "PNG", transparency=options), grey.shape, 1, (0, 65535))
        assert found[:, 0, 0].tolist() == [255, 14, 255]


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"), [("TIFF", {}, 1), ("JPEG", {"quality": 100}, 4)]
)
def test_cmyk_becomes_rgb(kind, options, tolerance):
    inks = np.concatenate([smooth(16, 16), smooth(16, 16)[..., :1] // 3], -1)
    image = Image.fromarray(inks, "CMYK")
    light = 255.0 - inks
    expected = light[..., :3] * light[..., 3:] / 255
    found = as_is(saved(image, kind, **options), inks.shape)
    assert np.abs(found - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("kind", "options"),
    [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})],
)
def test_first_frame_of_an_animation_is_taken(kind, options):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "lime")]
    file = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert Image.open(file).n_frames == 3
    pixels, header = decode_with_header(file, 4, 4, 3, "squash")
    assert (pixels == [255, 0, 0]).all()
    assert header.frames == (2 if kind == "GIF" else 3)


@pytest.mark.parametrize("what", ["text", "profile"])
def test_large_metadata_is_accepted(what):
    if what == "text":
        info = PngImagePlugin.PngInfo()
        info.add_text("k", "A" * 2_000_000, zip=True)
        file = saved(SMALL, "PNG", pnginfo=info)
    else:
        file = saved(SMALL, "PNG", icc_profile=b"A" * 2_000_000)
    assert (as_is(file, SMALL.shape) == SMALL).all()


def test_metadata_above_a_limit_is_refused():
    text = zlib.compress(b"A" * (PngImagePlugin.MAX_TEXT_CHUNK + 1))
    rows = [row.tobytes() for row in SMALL]
    file = png(10, 6, 8, 2, rows, chunk(b"zTXt", b"k\0\0" + text))
    with pytest.raises(BrokenImageError, match="Decompressed data too large"):
        as_is(file, SMALL.shape)


@pytest.mark.parametrize("kind", ["PPM", "AVIF", "JPEG2000"])
def test_other_formats_are_read(kind):
    image = smooth(20, 30)
    options = {"quality": 100, "subsampling": "4:4:4"} if kind == "AVIF" else {}
    found = as_is(saved(image, kind, **options), image.shape)
    assert np.abs(found.astype(int) - image).max() <= 6


def resampled(image, count, first, last, axis):
    """Triangle filter, as wide as a target's pixel: float64, from first to last along an axis."""
    image = np.moveaxis(image.astype(float), axis, 0)
    scale = (last - first) / count
    width = max(scale, 1.0)
    centres = first + (np.arange(count) + 0.5) * scale
    distances = np.abs(np.arange(len(image)) + 0.5 - centres[:, None]) / width
    weights = np.clip(1 - distances, 0, None)
    weights /= weights.sum(1, keepdims=True)
    return np.moveaxis(np.tensordot(weights, image, 1), 0, axis)


@pytest.mark.parametrize(
    ("height", "width", "target"),
    [(48, 64, (32, 32)), (64, 48, (20, 40)), (10, 14, (32, 24)), (32, 32, (32, 32))],
)
def test_resizing_matches_a_reference(height, width, target):
    image = RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)
    file = saved(image, "PNG")

    squashed = resampled(resampled(image, target[0], 0, height, 0), target[1], 0, width, 1)
    assert np.abs(decode(file, *target, 3, "squash") - squashed).max() <= 1.5

    ratio = max(target[0] / height, target[1] / width)
    down, across = height - target[0] / ratio, width - target[1] / ratio
    cropped = resampled(image, target[0], down / 2, height - down / 2, 0)
    cropped = resampled(cropped, target[1], across / 2, width - across / 2, 1)
    assert np.abs(decode(file, *target, 3, "crop") - cropped).max() <= 1.5

    ratio = min(target[0] / height, target[1] / width)
    inner = round(height * ratio), round(width * ratio)
    fitted = resampled(resampled(image, inner[0], 0, height, 0), inner[1], 0, width, 1)
    top, left = (target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2
    padded = np.zeros((*target, 3))
    padded[top : top + inner[0], left : left + inner[1]] = fitted
    assert np.abs(decode(file, *target, 3, "pad") - padded).max() <= 1.5


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("rule", ["crop", "squash", "pad"])
def test_reducing_a_large_image_first_is_close_to_full_resampling(kind, rule):
    image = smooth(1200, 1600)
    options = {"quality": 95} if kind == "JPEG" else {}
    found = decode(saved(image, kind, **options), 48, 48, 3, rule).astype(int)
    full = Image.fromarray(image)
    if rule == "crop":
        full = full.crop((200, 0, 1400, 1200))
    inner = (48, 36) if rule == "pad" else (48, 48)
    expected = np.asarray(full.resize(inner, Image.Resampling.BILINEAR)).astype(int)
    if rule == "pad":
        assert (found[:6] == 0).all()
        assert (found[42:] == 0).all()
        found = found[6:42]
    assert np.abs(found - expected).max() <= 4


def test_large_jpeg_is_decoded_at_a_lower_scale(monkeypatch):
    seen = []
    taken = Room.taken
    monkeypatch.setattr(
        Room, "taken", lambda room, pixels: seen.append(pixels) or taken(room, pixels)
    )
    decode(saved(smooth(1600, 1600), "JPEG"), 40, 40, 3, "crop")
    assert seen == [200 * 200]
    assert 40 * GAP <= 200


def test_an_extreme_aspect_ratio_keeps_a_pixel():
    line = saved(smooth(1, 500), "PNG")
    for rule in ("crop", "squash", "pad"):
        assert decode(line, 8, 8, 3, rule).shape == (8, 8, 3)


KINDS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9])
def test_truncated_images_are_broken(kind, share):
    data = saved(RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8), kind).getvalue()
    with pytest.raises(BrokenImageError):
        as_is(io.BytesIO(data[: int(len(data) * share)]), (64, 64))


def test_a_truncated_progressive_jpeg_is_broken():
    data = saved(SMALL.repeat(9, 0).repeat(9, 1), "JPEG", progressive=True).getvalue()
    with pytest.raises(BrokenImageError):
        as_is(io.BytesIO(data[: len(data) // 2]), (64, 64))


def test_an_empty_file_and_one_of_another_kind_are_broken():
    with pytest.raises(BrokenImageError, match="0 bytes"):
        as_is(io.BytesIO(), (4, 4))
    with pytest.raises(BrokenImageError, match="no JPEG, PNG"):
        as_is(io.BytesIO(b"just some text, whatever the name says"), (4, 4))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "`git lfs pull` fetches"),
        (b"/annex/objects/SHA256E-s100--0.jpg\n", "`git annex get` fetches"),
        (b"\n<!DOCTYPE html><html>404", "is a web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", r"coldstart\[heif\]|cannot be decoded"),
    ],
)
def test_files_that_are_no_images_are_named(head, message):
    with pytest.raises(BrokenImageError, match=message):
        as_is(io.BytesIO(head), (4, 4))


@pytest.mark.parametrize("values", [np.zeros((4, 4), np.float64), np.zeros((4, 4, 7), np.uint8)])
def test_unsupported_kinds_of_tiff_are_named(values):
    sample = 3 if values.dtype.kind == "f" else 1
    with pytest.raises(BrokenImageError, match="64 bits a channel, more than four channels"):
        as_is(tiff(values, "<", t339=sample), (4, 4))


def test_format_beyond_the_supported_ones_is_refused():
    file = saved(SMALL, "TGA")
    assert Image.open(file).format == "TGA"
    with pytest.raises(BrokenImageError, match="no JPEG, PNG"):
        as_is(file, SMALL.shape)


def test_a_decompression_bomb_is_broken():
    bomb = png(30_000, 30_000, 8, 0, [])
    with pytest.raises(BrokenImageError, match="178,956,970 pixels, Pillow's limit"):
        as_is(bomb, (4, 4))


def test_any_error_of_a_decoder_counts_as_a_broken_file():
    short = io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"12345"))
    with pytest.raises(ValueError, match="IHDR"):
        Image.open(short)
    with pytest.raises(BrokenImageError, match=r"cannot be decoded: .*IHDR"):
        as_is(short, (4, 4))


@pytest.mark.filterwarnings("ignore::Warning")
def test_random_bytes_raise_no_other_error():
    for kind in KINDS:
        data = np.frombuffer(saved(SMALL, kind).getvalue(), np.uint8)
        for _ in range(60):
            noisy = data.copy()
            noisy[RNG.integers(0, len(data), 5)] = RNG.integers(0, 256, 5)
            try:
                found = as_is(io.BytesIO(noisy.tobytes()), (8, 8))
            except BrokenImageError:
                continue
            assert found.shape == (8, 8, 3)


def test_decoders_share_the_memory_limit():
    room, inside, most = Room(10), [], []

    def stay(pixels):
        with room.taken(pixels):
            inside.append(pixels)
            most.append(sum(inside))
            threading.Event().wait(0.01)
            inside.remove(pixels)

    threads = [threading.Thread(target=stay, args=(pixels,)) for pixels in [4, 4, 4, 25, 4, 6] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(most) == len(threads)
    assert max(total for total in most if total != 25) <= 10
