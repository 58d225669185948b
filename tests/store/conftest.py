import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from coldstart.store import Store
from tests.helpers.stores import make_identity

PRELUDE = (
    "from coldstart.store import Identity, Store\n"
    f"{inspect.getsource(make_identity)}\nidentity = make_identity\n"
)


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Let the processes that a test starts import the package, and leave no byte code behind."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "workflow"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def identity():
    return make_identity


@pytest.fixture
def publish(store):
    """Publish an artefact of two files and return its identity."""

    def publish(which):
        with store.publishing(which) as folder:
            (folder / "weights.bin").write_bytes(b"0123456789" * 100)
            (folder / "config.json").write_text("{}")
        return which

    return publish


@pytest.fixture
def start():
    """Start Python on a piece of code that knows ``identity`` and ``Store``; killed at the end."""
    started = []

    def start(code, *arguments, **options):
        process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
