from pathlib import Path

import pytest

from coldstart.running.settings import Settings

NAMES = ("STORE", "DATA_DIR", "DOWNLOAD", "MIRROR", "DEVICE", "IMAGES_ON_GPU", "DETERMINISTIC")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(f"COLDSTART_{name}", "")  # undone after the test, whatever is exported
        monkeypatch.delenv(f"COLDSTART_{name}")


def test_exported_settings_are_read_back():
    for settings in (
        Settings(),
        Settings(
            stores=(Path("a"), Path("b")),
            data_dir=Path("sets"),
            download=True,
            mirror="https://mirror",
            device="cuda:1",
            images_on_gpu=0.0,
            deterministic=True,
        ),
    ):
        settings.export()
        assert Settings.from_environment() == settings


def test_settings_have_defaults_without_an_export():
    assert Settings.from_environment() == Settings()
