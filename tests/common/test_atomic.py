import pytest

from coldstart.common.atomic import replacing


def test_file_is_replaced_after_success(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("old")
    with replacing(path) as draft:
        assert (draft.parent, draft.suffix) == (tmp_path, ".csv")
        draft.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_kept_after_an_error(tmp_path):
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
