"""The environments say the same: the lock, the conda file of the rules, and pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ENVS = ROOT / "envs"


def pinned(lock):
    """Name -> versions; a name with markers for several Pythons has several."""
    found = {}
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)", (ENVS / f"{lock}.lock").read_text(), re.M
    ):
        found.setdefault(name, set()).add(version)
    return found


@pytest.fixture(scope="module")
def conda():
    """Versions, by name, of the packages that pip installs into the conda environment."""
    *_, pip = yaml.safe_load((ENVS / "coldstart.yaml").read_text())["dependencies"]
    return dict(line.split("==") for line in pip["pip"])


def test_conda_environment_has_the_locked_versions(conda):
    lock = pinned("requirements") | pinned("requirements-cuda") | pinned("requirements-build")
    different = {
        name: version for name, version in conda.items() if version not in lock.get(name, ())
    }
    assert different == {}


def test_conda_environment_has_all_dependencies(conda):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.match(r"[\w.-]+", text)[0] for text in project["dependencies"]}
    assert needed <= conda.keys()


def test_package_imports_nothing_of_the_test_lock(conda):
    assert conda.keys().isdisjoint(pinned("requirements-test"))
    assert pinned("requirements").keys().isdisjoint(pinned("requirements-test"))


def test_test_lock_has_all_that_the_tests_import():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]["test"]
    names = {re.match(r"[\w.-]+", text)[0] for text in extras} - {"coldstart"}
    assert names <= pinned("requirements-test").keys()


def test_every_rule_names_the_conda_environment():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        rules = len(re.findall(r"^rule ", text, re.M))
        assert text.count('"../../envs/coldstart.yaml"') == rules, path


def test_locks_hold_no_address():
    for path in ENVS.glob("*.lock"):
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links", path.read_text()), path
