import shutil
from pathlib import Path

import pytest

from coldstart.planning.fingerprint import PACKAGE
from coldstart.store import Store
from tests.helpers.stores import Family


@pytest.fixture
def family(tmp_path, monkeypatch):
    """The family in the store of a folder in which commands are run."""
    (tmp_path / "clone").mkdir()
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.delenv("COLDSTART_STORE", raising=False)
    return Family(Store(tmp_path / "clone/results/store"))


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with this clone's recipes and package, in which nothing was made."""
    shutil.copytree(
        PACKAGE.parent, tmp_path / "workflow", ignore=shutil.ignore_patterns("coldstart")
    )
    (tmp_path / "workflow/coldstart").symlink_to(PACKAGE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLDSTART_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("coldstart.cli.plans.CONFIG", Path("nowhere.yaml"))
    return tmp_path
