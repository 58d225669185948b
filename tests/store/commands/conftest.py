import pytest

from coldstart.store import Store
from tests.helpers.stores import Family


@pytest.fixture
def family(tmp_path, monkeypatch):
    """The family in the store of a folder in which commands are run."""
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.delenv("COLDSTART_STORE", raising=False)
    return Family(Store(tmp_path / "clone/results/store"))
