import os
from pathlib import Path

import pandas as pd
import pytest

from coldstart.ranking import picks
from coldstart.ranking.picks import remove_picks, write_picks


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my images"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/a.png", "b.png", "c" * 250 + ".png"):
        (folder / name).write_bytes(name.encode())
    return folder


@pytest.fixture
def listed():
    return Path("results/ranking/picks/picks.csv")


def chosen(*paths):
    return pd.DataFrame({"rank": range(1, len(paths) + 1), "path": paths})


def names(listed):
    return sorted(path.name for path in listed.parent.iterdir() if path != listed)


@pytest.mark.parametrize("copy", [False, True])
def test_files_are_named_by_rank_and_are_the_images(images, listed, copy):
    long = "c" * 250 + ".png"
    write_picks(listed, chosen("sub/a.png", "a.png", long), images, copy)
    found = names(listed)
    assert found[:2] == ["1-a.png", "2-a.png"]
    assert found[2].startswith("3-ccc")
    assert found[2].endswith(".png")
    assert [(listed.parent / name).read_bytes() for name in found] == [
        b"sub/a.png",
        b"a.png",
        long.encode(),
    ]
    assert (listed.parent / found[0]).is_symlink() is not copy
    table = pd.read_csv(listed)
    assert table["path"].tolist() == ["sub/a.png", "a.png", long]
    assert table["file"].tolist() == found


@pytest.mark.parametrize("copy", [False, True])
def test_later_picks_replace_earlier_ones_and_nothing_else(images, listed, copy):
    write_picks(listed, chosen("a.png", "b.png"), images, copy)
    (listed.parent / "notes.txt").write_text("mine")
    changed = listed.parent / "2-b.png"
    changed.unlink()
    changed.write_text("cropped by hand")
    write_picks(listed, chosen("b.png"), images, copy)
    assert names(listed) == ["1-b.png", "2-b.png", "notes.txt"]
    assert changed.read_text() == "cropped by hand"
    assert (listed.parent / "1-b.png").read_bytes() == b"b.png"
    assert (images / "a.png").read_bytes() == b"a.png"


def test_links_become_copies_and_back(images, listed):
    for copy in (False, True, False):
        write_picks(listed, chosen("a.png", "b.png"), images, copy)
        assert names(listed) == ["1-a.png", "2-b.png"]
        assert (listed.parent / "1-a.png").is_symlink() is not copy


def test_a_name_that_somebody_took_is_left(images, listed, caplog):
    listed.parent.mkdir(parents=True)
    (listed.parent / "1-a.png").write_text("mine")
    write_picks(listed, chosen("a.png"), images, copy=False)
    assert (listed.parent / "1-a.png").read_text() == "mine"
    assert "other files have the names of picks: 1-a.png" in caplog.text


def test_removal_leaves_what_was_not_made(images, listed):
    write_picks(listed, chosen("a.png", "b.png"), images, copy=False)
    (listed.parent / "notes.txt").write_text("mine")
    remove_picks(listed)
    assert names(listed) == ["notes.txt"]
    (listed.parent / "notes.txt").unlink()
    write_picks(listed, chosen("a.png"), images, copy=False)
    remove_picks(listed)
    assert not listed.parent.exists()


def test_a_list_that_names_files_elsewhere_removes_none_of_them(images, listed):
    write_picks(listed, chosen("a.png"), images, copy=False)
    outside = images / "b.png"
    link = images / "link"
    link.symlink_to(outside)
    rows = pd.DataFrame(
        {"rank": [1], "file": [os.path.relpath(link, listed.parent)], "path": ["b.png"]}
    )
    rows.assign(made=str(outside)).to_csv(listed, index=False)
    remove_picks(listed)
    assert link.is_symlink()


def test_killed_in_the_middle_the_next_run_knows_all_files(images, listed, monkeypatch):
    write_picks(listed, chosen("a.png"), images, copy=False)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(picks, "_make", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_picks(listed, chosen("b.png"), images, copy=True)
    monkeypatch.undo()
    monkeypatch.chdir(images.parent)
    write_picks(listed, chosen("sub/a.png"), images, copy=False)
    assert names(listed) == ["1-a.png"]
    assert (listed.parent / "1-a.png").read_bytes() == b"sub/a.png"


def test_a_link_that_somebody_pointed_elsewhere_stays(images, listed):
    write_picks(listed, chosen("a.png", "b.png"), images, copy=False)
    changed = listed.parent / "2-b.png"
    changed.unlink()
    changed.symlink_to(images / "sub/a.png")
    write_picks(listed, chosen("a.png"), images, copy=False)
    assert changed.readlink() == images / "sub/a.png"
    remove_picks(listed)
    assert names(listed) == ["2-b.png"]
