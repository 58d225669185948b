import pytest

from coldstart.running.places import PLACES
from tests.helpers.folders import LEVELS, PATHS, paint


@pytest.fixture
def places(monkeypatch):
    """No folder is known, and decoding has three threads."""
    monkeypatch.setenv(PLACES, "{}")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")


@pytest.fixture
def images(tmp_path):
    """A folder of ``PATHS`` with these ``LEVELS``, written in the order of their levels."""
    root = tmp_path / "set"
    for level, name in sorted(zip(LEVELS, PATHS, strict=True)):
        paint(root / name, level)
    return root
