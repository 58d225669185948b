"""Every file below a folder is listed, or reported as left out."""

import os

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.data.sources import formats, listing
from coldstart.data.sources.digests import UNREADABLE, digest_files
from coldstart.data.sources.listing import list_images
from coldstart.data.sources.scan import scan_folder
from tests.helpers.folders import PATHS, UNUSED, opened, paint, pixels, recipe_of

pytestmark = pytest.mark.usefixtures("places")


def paths(root):
    return [file.path for file in list_images(root).images]


def test_links_are_followed_but_not_in_circles(images, tmp_path):
    other = tmp_path / "other"
    paint(other / "y.png", 3)
    (images / "up").symlink_to(images)
    (images / "cat/self").symlink_to(images / "cat")
    (images / "linked").symlink_to(other)
    (images / "file.png").symlink_to(other / "y.png")
    (other / "back").symlink_to(images)
    assert paths(images) == [*PATHS, "file.png", "linked/y.png"]
    assert list_images(images).left_out() == {}


def spoil(root):
    """Files that cannot be opened, with the reasons."""
    (root / "gone.png").symlink_to(root / "nowhere.png")
    (root / "self.png").symlink_to(root / "self.png")
    os.mkfifo(root / "pipe.png")
    return {
        "gone.png": "is a link that leads nowhere",
        "self.png": "cannot be read: Too many levels of symbolic links",
        "pipe.png": "is not a file",
    }


def test_unreadable_file_is_skipped_with_its_reason(images):
    faults = spoil(images)
    source = opened(recipe_of(images))
    assert len(pixels(source)) == 9
    part = source.parts[0]
    assert {part.paths[row]: reason for row, reason in part.skipped().items()} == faults
    scan = scan_folder(recipe_of(images), UNUSED, None)
    assert source.digest() == scan.digest
    said = "3 of 9 images cannot be opened and are skipped: gone.png is a link that leads nowhere"
    assert [remark.removeprefix(f"{images}: ") for remark in scan.remarks] == [said]


def test_all_unreadable_files_are_named_if_one_is_an_error(images):
    spoil(images)
    with pytest.raises(
        ColdstartError, match=r"3 files .* gone\.png, pipe\.png, self\.png\.\n.*skip"
    ):
        scan_folder(recipe_of(images, on_broken="fail"), UNUSED, None)


def test_file_that_becomes_readable_changes_the_digest(images):
    (images / "gone.png").symlink_to(images / "later.data")
    before = scan_folder(recipe_of(images), UNUSED, None)
    paint(images / "later.png", 9)
    (images / "later.png").rename(images / "later.data")
    after = scan_folder(recipe_of(images), UNUSED, None)
    assert (before.count, after.count) == (7, 7)
    assert before.digest != after.digest


def test_only_errors_of_the_file_count_as_broken_files(images):
    files = list_images(images).images

    def refuse(number):
        def digest(path):
            raise OSError(number, os.strerror(number), str(path))

        return digest

    found = digest_files(images, files, None, refuse(13), tolerant=True)
    assert found == [UNREADABLE] * 6
    with pytest.raises(ColdstartError, match="Permission denied"):
        digest_files(images, files, None, refuse(13))
    with pytest.raises(ColdstartError, match="Too many open files"):
        digest_files(images, files, None, refuse(24), tolerant=True)


def test_a_folder_that_cannot_be_listed_is_left_out(images, monkeypatch):
    scan = listing._scan

    def refused(folder):
        if folder.endswith("deep"):
            raise PermissionError(13, "Permission denied", folder)
        return scan(folder)

    monkeypatch.setattr(listing, "_scan", refused)
    found = list_images(images)
    assert [file.path for file in found.images] == [path for path in PATHS if "deep" not in path]
    assert found.left_out() == {"cat/deep/": "cannot be listed: Permission denied"}
    (remark,) = scan_folder(recipe_of(images), UNUSED, None).remarks
    assert "1 folder or name was left out: cat/deep/ cannot be listed" in remark
    with pytest.raises(ColdstartError, match="cat/deep/"):
        scan_folder(recipe_of(images, on_broken="fail"), UNUSED, None)


def test_a_name_that_is_not_utf8_is_left_out(images):
    with open(os.fsencode(images) + b"/\xff.png", "wb"):
        pass
    found = list_images(images)
    assert len(found.images) == 6
    assert list(found.left_out()) == ["\\xff.png"]


def test_other_files_are_counted_by_their_endings(images, monkeypatch):
    monkeypatch.setattr(listing, "reads_heif", lambda: False)
    names = [
        *(f"IMG_{n}.HEIC" for n in range(40)),
        "notes.txt",
        "README",
        ".thumb.png",
        ".DS_Store",
    ]
    for name in names:
        (images / name).touch()
    said = (
        f"{images}: 43 other files were left out: 40 .HEIC, 1 .txt, 1 hidden, 1 without an ending "
        "(to read HEIC: pip install 'coldstart[heif]')"
    )
    assert scan_folder(recipe_of(images), UNUSED, None).remarks == [said]
    left_out = list_images(images).left_out()
    assert left_out["IMG_7.HEIC"] == "needs pillow-heif: pip install 'coldstart[heif]'"
    assert left_out["notes.txt"] == "is no image by its name (.txt)"
    assert len(left_out) == 43


def test_many_endings_of_other_files_are_summed_up(images):
    for number in range(12):
        (images / f"a.k{number}").touch()
    (sentence,) = list_images(images).sentences()
    assert sentence.startswith("12 other files were left out: 1 .k")
    assert sentence.endswith("4 of other kinds")


@pytest.mark.parametrize("name", ["a.jfif", "a.PPM", "a.avif", "a.jp2", "a.Jpe", "a.pgm"])
def test_formats_that_pillow_reads_are_images(images, name):
    if name.endswith("jfif"):
        paint(images / "a.jpg", 5)
        (images / "a.jpg").rename(images / name)
    else:
        paint(images / name, 5)
    source = opened(recipe_of(images))
    found = pixels(source)
    assert abs(int(found[list(source.parts[0].paths).index(name)].max()) - 5) <= 1


def test_folder_of_other_files_is_refused_with_their_endings(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "reads_heif", lambda: False)
    (tmp_path / "a.HEIC").touch()
    with pytest.raises(
        ColdstartError, match=r"no images in .*\n.*\n.*1 \.HEIC .*coldstart\[heif\]"
    ):
        list_images(tmp_path)


def test_results_folder_is_left_out(images, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "results/ranking/contact-sheet.png", 3)
    found = list_images(tmp_path)
    assert [file.path for file in found.images] == [f"set/{path}" for path in PATHS]
    assert found.left_out() == {"results/": "is where runs write their results"}


def test_heif_is_read_where_its_package_is_installed():
    assert ("HEIF" in formats.formats()) == formats.reads_heif()
