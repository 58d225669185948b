"""Threads wait without spinning in every process that imports the package."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
BENCHMARKS = sorted((ROOT / "tests/benchmarks").glob("bench_*.py"))


def loaded(code, **environment):
    """Return the settings that the OpenMP runtimes print as they are loaded."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    asked = {"OMP_DISPLAY_ENV": "true", "PYTHONPATH": str(ROOT / "workflow"), **environment}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=inherited | asked,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("'")[1] for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line]


pytestmark = pytest.mark.slow  # processes that import torch and scikit-learn


@pytest.mark.skipif(sys.platform != "linux", reason="other runtimes say it otherwise")
def test_runtimes_are_loaded_with_passive_waiting():
    policies = loaded("import coldstart.running.job, torch, sklearn.neighbors")
    assert len(policies) >= 2  # torch and scikit-learn each bring one
    assert set(policies) == {"PASSIVE"}


@pytest.mark.skipif(sys.platform != "linux", reason="other runtimes say it otherwise")
def test_environment_variables_of_the_user_are_kept():
    assert set(loaded("import coldstart, torch", OMP_WAIT_POLICY="active")) == {"ACTIVE"}


def first_imported(path):
    """The package that a module imports first, but for the standard library."""
    names = (
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    tops = (name.split(".")[0] for name in names)
    return next((top for top in tops if top not in sys.stdlib_module_names), None)


@pytest.mark.parametrize("path", [*SCRIPTS, *BENCHMARKS], ids=lambda path: path.name)
def test_jobs_and_benchmarks_import_the_package_before_torch(path):
    assert first_imported(path) in ("coldstart", None)


def test_tests_wait_as_jobs_do():
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
