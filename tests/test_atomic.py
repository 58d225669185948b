import pytest

from coldstart.atomic import replacing


def test_a_file_is_replaced_when_all_went_well(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with replacing(path) as draft:
        assert (draft.parent, draft.suffix) == (tmp_path, ".csv")
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_stood_there_stays_when_something_went_wrong(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail():
        with replacing(path) as draft:
            draft.write_text("ne")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
