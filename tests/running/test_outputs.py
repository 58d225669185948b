"""Files that people may have edited are renamed, never replaced."""

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from coldstart.running import outputs
from coldstart.running.outputs import copy_before_deletion, remove_output, write_output

FILE = Path("results/ranking/ranking.csv")


@pytest.fixture(autouse=True)
def clone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    FILE.parent.mkdir(parents=True)


def contents():
    return {path.name: path.read_text() for path in FILE.parent.iterdir()}


def test_unedited_output_is_replaced():
    write_output(FILE, b"first")
    write_output(FILE, b"second")
    write_output(FILE, b"first")
    assert contents() == {"ranking.csv": "first"}


def test_edited_output_is_renamed_with_a_message(caplog):
    write_output(FILE, b"rank,path\n1,a.png\n")
    FILE.write_text("rank,path,label\n1,a.png,cat\n")
    write_output(FILE, b"rank,path\n1,b.png\n")
    (kept,) = set(contents()) - {"ranking.csv"}
    assert contents() == {
        "ranking.csv": "rank,path\n1,b.png\n",
        kept: "rank,path,label\n1,a.png,cat\n",
    }
    assert f"is kept as results/ranking/{kept}" in caplog.text
    assert "--config labelled=my-labels.csv" in caplog.text


def test_edited_label_interface_names_the_setting_for_classes(caplog):
    interface = FILE.with_name("label-studio.xml")
    interface.write_text("<View/>")
    write_output(interface, b"ours")
    assert "--config classes=[cat,dog]" in caplog.text


def test_unrecorded_file_counts_as_edited():
    FILE.write_text("somebody's own")
    write_output(FILE, b"ours")
    assert sorted(contents().values()) == ["ours", "somebody's own"]


@pytest.mark.parametrize("record", ["{", "[]", "", '{"versions": 3}'])
def test_a_damaged_record_loses_nothing(record):
    write_output(FILE, b"first")
    (path,) = outputs.RECORDS.iterdir()
    path.write_text(record)
    write_output(FILE, b"second")
    assert sorted(contents().values()) == ["first", "second"]


def test_every_edited_version_has_a_name_of_its_own():
    for version in ("one", "two", "one", "three"):
        FILE.write_text(version)
        write_output(FILE, b"ours")
    edited = [text for name, text in contents().items() if name != "ranking.csv"]
    assert sorted(edited) == ["one", "three", "two"]


def test_edited_copy_is_kept_too():
    FILE.write_text("one")
    write_output(FILE, b"ours")
    (kept,) = set(contents()) - {"ranking.csv"}
    FILE.with_name(kept).write_text("one, edited further")
    FILE.write_text("one")
    write_output(FILE, b"ours")
    assert sorted(contents().values()) == ["one", "one, edited further", "ours"]


@pytest.mark.parametrize("moment", ["before the record", "before the file"])
def test_killed_job_keeps_edits_and_the_record(monkeypatch, moment):
    write_output(FILE, b"first")
    FILE.write_text("edited")
    replacing = outputs.replacing

    @contextmanager
    def killed(path):
        if (path.parent == outputs.RECORDS) == (moment == "before the record"):
            raise KeyboardInterrupt
        with replacing(path) as draft:
            yield draft

    with monkeypatch.context() as patch:
        patch.setattr(outputs, "replacing", killed)
        with pytest.raises(KeyboardInterrupt):
            write_output(FILE, b"second")
    assert "edited" in contents().values()
    write_output(FILE, b"second")
    assert sorted(contents().values()) == ["edited", "second"]


def test_output_that_is_no_longer_made_is_removed_unless_edited():
    write_output(FILE, b"ours")
    remove_output(FILE)
    assert contents() == {}
    remove_output(FILE)
    write_output(FILE, b"ours")
    FILE.write_text("edited")
    remove_output(FILE)
    assert list(contents().values()) == ["edited"]


def test_edits_are_copied_before_snakemake_deletes_all_outputs(monkeypatch):
    write_output(FILE, b"ours")
    FILE.write_text("edited")
    copy_before_deletion([FILE, FILE.with_name("absent.csv")])
    assert list(contents().values()) == ["edited"]
    monkeypatch.setattr(sys, "argv", ["snakemake", "--delete-all-output"])
    copy_before_deletion([])
    copy_before_deletion([FILE])
    FILE.unlink()
    assert list(contents().values()) == ["edited"]


def test_unrecorded_numbers_of_a_figure_do_not_count_as_edited():
    FILE.write_text("as an earlier version of Coldstart wrote it")
    write_output(FILE, b"ours", strict=False)
    assert list(contents().values()) == ["ours"]
    FILE.write_text("edited")
    write_output(FILE, b"ours", strict=False)
    assert sorted(contents().values()) == ["edited", "ours"]
