"""The places that name stores: the option, COLDSTART_STORE and config.yaml, in this order."""

import os
from pathlib import Path

import pytest

from coldstart.common.errors import ColdstartError
from coldstart.config.loading.settings import Config
from coldstart.running.settings import Settings, choose_stores

CONFIGURED = ["results/store"]


@pytest.mark.parametrize(
    ("given", "variable", "expected"),
    [
        (None, None, ["results/store"]),
        (None, "", ["results/store"]),
        (None, "/mine:/team", ["/mine", "/team"]),
        (["/given"], "/mine:/team", ["/given"]),
        (["/given", "/team"], None, ["/given", "/team"]),
        (["/given:/team"], None, ["/given", "/team"]),
        (["/mine", "/team", "/mine"], None, ["/mine", "/team"]),
    ],
)
def test_option_comes_before_variable_and_setting(monkeypatch, given, variable, expected):
    monkeypatch.delenv("COLDSTART_STORE", raising=False)
    if variable is not None:
        monkeypatch.setenv("COLDSTART_STORE", variable)
    assert choose_stores(given, CONFIGURED) == tuple(map(Path, expected))


def test_home_and_variables_are_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("TEAM", "/shared/team")
    found = choose_stores(["~/store", "$TEAM/a", "${TEAM}/b"], CONFIGURED)
    assert found == (Path("/home/me/store"), Path("/shared/team/a"), Path("/shared/team/b"))


@pytest.mark.parametrize("variable", [None, "own:/team"])
def test_relative_folder_is_below_the_root(tmp_path, monkeypatch, variable):
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("COLDSTART_STORE", raising=False)
    if variable:
        monkeypatch.setenv("COLDSTART_STORE", variable)
    own, *_ = choose_stores(None, ["own"], tmp_path / "root")
    assert own.resolve() == tmp_path / "root/own"


@pytest.mark.parametrize("name", ["$NOT_SET/store", "~no-such-user/store", "", "/mine:", ":/team"])
def test_unknown_variable_is_refused(monkeypatch, name):
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("COLDSTART_STORE", "/fine")
    with pytest.raises(ColdstartError, match="`store` has"):
        choose_stores([name], CONFIGURED)
    if name:
        monkeypatch.setenv("COLDSTART_STORE", name)
        with pytest.raises(ColdstartError, match="`COLDSTART_STORE` has"):
            choose_stores(None, CONFIGURED)


@pytest.mark.parametrize("stand", ["root", "elsewhere"])
def test_jobs_use_the_stores_of_the_run(tmp_path, monkeypatch, stand):
    (tmp_path / "root").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / stand)
    monkeypatch.setenv("COLDSTART_STORE", "changed by export, and put back after the test")
    for name in ("DATA_DIR", "DOWNLOAD", "DEVICE"):
        monkeypatch.setenv(f"COLDSTART_{name}", "")
    settings = Settings(stores=choose_stores(["own", "/team"], CONFIGURED, tmp_path / "root"))
    settings.export()
    assert os.environ["COLDSTART_STORE"].endswith(":/team")
    assert Settings.from_environment() == settings
    assert choose_stores(None, CONFIGURED, tmp_path / "root") == settings.stores


def test_store_may_be_one_folder_or_a_list():
    assert Config(store="a").store == ["a"]
    assert Config(store=["a", "b"]).store == ["a", "b"]
    with pytest.raises(ValueError, match="at least 1"):
        Config(store=[])
