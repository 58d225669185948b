"""Messages of the job that writes a ranking about the files that it leaves out."""

from pathlib import Path

import pytest
from PIL import Image

from coldstart.config.recipes.datasets.folder import Folder
from coldstart.data.ingest import make_images
from coldstart.data.sources.listing import Listing, list_images
from coldstart.data.sources.scan import scan_folder
from coldstart.ranking.ranking import _copy_pictures, _say_left_out, _skipped
from coldstart.running.job import Job
from coldstart.running.places import PLACES, export_places
from coldstart.running.settings import Settings
from coldstart.store import Identity, Store


@pytest.fixture
def artefact(tmp_path, monkeypatch):
    """The images of a folder with pages, an animation, a broken file and others."""
    monkeypatch.setenv(PLACES, "{}")
    folder = tmp_path / "images"
    folder.mkdir()
    pages = [Image.new("L", (9, 9), level) for level in (10, 200, 90)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    pages[0].save(folder / "moves.gif", save_all=True, append_images=pages[1:])
    pages[0].save(folder / "plain.png")
    (folder / "broken.jpg").touch()
    (folder / "IMG_1.MOV").touch()
    recipe = Folder(source="folder", path=str(folder), size=[8, 8], labels="none", on_broken="skip")
    scan = scan_folder(recipe, tmp_path, None)
    export_places(scan.places)
    store = Store(tmp_path / "store")
    identity = Identity("images", scan.images_recipe(), {}, "0" * 64)
    with store.publishing(identity, {}) as out:
        make_images(Job(scan.images_recipe(), {}, out, tmp_path / "resume", Settings()))
    return store.open(identity.key), folder


def test_every_skipped_file_has_a_row_with_its_reason(artefact):
    images, folder = artefact
    found = _skipped(images, list_images(folder)).set_index("path")["reason"].to_dict()
    assert found == {
        "IMG_1.MOV": "is no image by its name (.MOV)",
        "broken.jpg": "is empty (0 bytes)",
        "moves.gif": "has several frames, of which only the first is ranked",
        "pages.tif": "has 3 pages or frames, of which only the first is ranked",
    }


def test_skipped_files_are_counted_at_the_end(artefact, caplog, tmp_path):
    images, folder = artefact
    caplog.set_level("INFO", "coldstart")
    caplog.clear()
    _say_left_out(images, list_images(folder), tmp_path / "skipped.csv")
    said = [record.message for record in caplog.records]
    assert said[0] == f"Left out, with reasons in {tmp_path / 'skipped.csv'}:"
    assert said[1] == "  1 image could not be read"
    assert said[2] == "  1 other file was left out: 1 .MOV"
    assert "2 files have more than one page or frame, of which the first is taken" in said


def test_skipped_images_of_the_artefact_are_listed_without_the_folder(artefact):
    images, _ = artefact
    assert list(_skipped(images, Listing())["path"]) == ["broken.jpg", "moves.gif", "pages.tif"]


def test_picture_of_an_earlier_run_goes_and_those_of_others_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path("results/ranking")
    folder.mkdir(parents=True)
    Path("drawn.png").write_bytes(b"drawn")
    mine = [folder / "label-growth.txt", folder / "label-growth.edited-1a2b.png"]
    for path in mine:
        path.write_text("mine")
    _copy_pictures({f"{folder}/label-growth.png": "drawn.png"}, folder)
    assert (folder / "label-growth.png").read_bytes() == b"drawn"
    _copy_pictures({}, folder)
    assert sorted(folder.iterdir()) == sorted(mine)
