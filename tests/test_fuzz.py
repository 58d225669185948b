"""Whatever is wrong with a file, the product says so: no traceback, no hang, no flood of memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "helpers/fuzz.py"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "cases"), [("settings", 60), ("manifests", 200), ("bundles", 200)]
)
def test_every_broken_file_ends_in_a_sentence(kind, cases, tmp_path):
    workflow = str(SCRIPT.parents[2] / "workflow")
    done = subprocess.run(
        [sys.executable, SCRIPT, kind, "0", str(cases)],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": workflow, "COLDSTART_STORE": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
