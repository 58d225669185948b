"""Files are read once for their digests, and every change is noticed."""

import json
import os
import time

import pytest

from coldstart.data.sources import digests
from coldstart.data.sources.listing import list_images
from coldstart.data.sources.scan import scan_folder
from coldstart.running.settings import Settings
from coldstart.ssl.weights import identify
from tests.helpers.folders import UNUSED, paint, recipe_of

DAYS = 86_400 * 10**9


@pytest.fixture
def settled(monkeypatch):
    """All that the tests write has been left alone for long."""
    monkeypatch.setattr(digests, "SETTLED", 0)


@pytest.fixture
def look(images, tmp_path):
    """Take the digests of the images; returns them and the files that were read."""

    def look():
        seen = []

        def counted(path):
            seen.append(path.name)
            return digests.file_digest(path)

        files = list_images(images).images
        return digests.digest_files(images, files, tmp_path / "cache", counted), sorted(seen)

    return look


@pytest.mark.usefixtures("settled")
def test_unchanged_files_are_read_once(images, look):
    first, seen = look()
    assert len(seen) == 6
    assert look() == (first, [])
    paint(images / "cat/b.png", 99)
    second, seen = look()
    assert seen == ["b.png"]
    assert [a == b for a, b in zip(first, second, strict=True)] == [True, False] + [True] * 4


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("how", ["in place", "another file", "unpacked"])
def test_new_content_of_equal_size_and_time_is_noticed(images, look, how):
    """``rsync -t``, archives with constant times and container layers bring such files."""
    path = images / "dog/a.bmp"
    os.utime(path, (1e9, 1e9))
    first, _ = look()
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 255
    if how == "in place":
        path.write_bytes(data)
    else:
        other = path.with_suffix(".new")
        other.write_bytes(data)
        if how == "unpacked":
            path.unlink()
        other.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    second, seen = look()
    assert seen == ["a.bmp"]
    assert sum(a != b for a, b in zip(first, second, strict=True)) == 1


def test_a_file_that_has_just_changed_is_read_again(look):
    first, seen = look()
    assert len(seen) == 6
    assert look() == (first, seen)


def test_modification_time_in_the_future_is_trusted_after_two_equal_digests(
    images, look, monkeypatch
):
    ahead = time.time_ns() + 3 * DAYS
    for path in images.rglob("*.*"):
        os.utime(path, ns=(ahead, ahead))
    first, seen = look()
    assert len(seen) == 6
    now = time.time_ns()
    monkeypatch.setattr(digests.time, "time_ns", lambda: now + 10 * 10**9)
    again, seen = look()
    assert len(seen) == 6
    assert look() == (first, []) == (again, [])


def test_modification_time_in_the_future_is_not_trusted_after_different_digests(
    images, look, monkeypatch
):
    """The content has changed between them, within the resolution of the clock."""
    ahead = time.time_ns() + 3 * DAYS
    for path in images.rglob("*.*"):
        os.utime(path, ns=(ahead, ahead))
    look()
    cache = next((images.parent / "cache").iterdir())
    known = json.loads(cache.read_text())
    known["cat/b.png"][2] = "0" * 64
    cache.write_text(json.dumps(known))
    now = time.time_ns()
    monkeypatch.setattr(digests.time, "time_ns", lambda: now + 10 * 10**9)
    assert len(look()[1]) == 6
    assert look()[1] == ["b.png"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"cat/b.png": 3}', b"{", b"\xff", b'{"cat/b.png": [1, 2, "x"]}']
)
def test_damaged_cache_is_ignored(images, tmp_path, content):
    recipe, cache = recipe_of(images), tmp_path / "cache"
    before = scan_folder(recipe, UNUSED, cache).digest
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert scan_folder(recipe, UNUSED, cache).digest == before
    assert len(json.loads(file.read_bytes())) == 6
    assert list(cache.iterdir()) == [file]


def test_cache_that_cannot_be_written_is_skipped(images, tmp_path, read_only):
    cache = tmp_path / "cache"
    cache.mkdir()
    recipe = recipe_of(images)
    before = scan_folder(recipe, UNUSED, None).digest
    assert scan_folder(recipe, UNUSED, read_only(cache)).digest == before
    assert list(cache.iterdir()) == []
    file = tmp_path / "file"
    file.touch()
    assert scan_folder(recipe, UNUSED, file / "cache").digest == before


@pytest.mark.usefixtures("settled", "places")
def test_new_weights_of_equal_size_and_time_are_noticed(tmp_path):
    path, cache = tmp_path / "weights.pth", tmp_path / "cache"
    path.write_bytes(b"first")
    os.utime(path, (1e9, 1e9))
    settings = Settings(data_dir=UNUSED)
    first = identify(str(path), settings, cache)
    path.write_bytes(b"other")
    os.utime(path, (1e9, 1e9))
    assert identify(str(path), settings, cache) != first
