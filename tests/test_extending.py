"""Every example of docs/extending.md is written into a copy of the package, and used."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coldstart.planning.fingerprint import PACKAGE
from tests.helpers.parts import parts_of, plan_of

pytestmark = pytest.mark.slow  # it trains

ROOT = PACKAGE.parents[1]
DOCS = ROOT / "docs/extending.md"

MAKING = """
import json, sys
from pathlib import Path
from coldstart.figures.draw import write_table
from coldstart.planning.here import make_here
from coldstart.running.settings import Settings
from tests.helpers.jobs import script_job
from tests.helpers.parts import parts_of, plan_of

folder = Path(sys.argv[1])
plan = plan_of(folder / "workflow", folder / "store")
(folder / "parts.json").write_text(json.dumps(parts_of(plan)))

settings = Settings(data_dir=folder / "data", device="cpu")

def make(planned):
    for made_from in planned.inputs.values():
        make(made_from)
    if not plan.store.has(planned.key):
        make_here(planned, plan.store, settings)

for run in ("stripes", "cycles", "adversaries"):
    make(plan.cycles.evaluation("stripes", run, 0))
params = plan.figures.target_params("stripes", "tables", "best-budget")
files = [folder / "table.html", folder / "table.csv"]
write_table(script_job(files, target=params), plan.store)
"""


def examples():
    """The blocks of code of the page, by the file that each is of; of YAML a file has several."""
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", DOCS.read_text("utf-8"), re.S)
    found = {}
    for file, text in blocks:
        assert file not in found or file.endswith(".yaml")
        found[file] = found.get(file, "") + text
    return found


def lines_of_code(text):
    """The lines of a module without imports, docstrings and blank lines."""
    lines = [line.strip() for line in text.splitlines()]
    said = ("import ", "from ", '"""', "#")
    return [line for line in lines if line and not line.startswith(said)]


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the workflow with all examples, after a process has made their study."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(
        PACKAGE.parent, folder / "workflow", ignore=shutil.ignore_patterns("__pycache__")
    )
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = np.where(np.arange(8) % 2, 200, 50)[None, None, :, None] + rng.integers(
        0, 40, (120, 8, 8, 1)
    )
    images = np.where(labels[:, None, None, None] == 1, images, images.transpose(0, 2, 1, 3))
    (folder / "data").mkdir()
    np.savez(folder / "data/stripes.npz", images=images.astype(np.uint8), labels=labels)
    digest = hashlib.sha256((folder / "data/stripes.npz").read_bytes()).hexdigest()
    for name, text in examples().items():
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n" + text.replace('"sha256:"', f'"sha256:{digest}"'))
    paths = os.pathsep.join([str(folder / "workflow"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths}
    command = [sys.executable, "-c", MAKING, str(folder)]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_example_is_made_into_a_result(extended):
    table = pd.read_csv(extended / "table.csv")
    assert {"random", "farthest"} >= set(table["sampler"]) != set()


def test_adding_members_makes_nothing_anew(extended, tmp_path):
    for name in ("recipes", "studies"):
        shutil.copytree(PACKAGE.parent / name, tmp_path / "workflow" / name)
    before = parts_of(plan_of(tmp_path / "workflow", tmp_path / "store"))
    after = json.loads((extended / "parts.json").read_text())
    assert after == {name: list(part) for name, part in before.items()}


@pytest.mark.parametrize("file", [file for file in examples() if file.endswith(".py")])
def test_an_example_is_short(file):
    assert len(lines_of_code(examples()[file])) <= 15


def test_every_kind_of_member_has_an_example():
    folders = {
        str(Path(file).parent.relative_to("workflow/coldstart"))
        for file in examples()
        if file.endswith(".py")
    }
    assert folders >= {
        "selection/samplers",
        "learners",
        "data/sources",
        "training/backbones",
        "training/augment",
        "ssl/methods",
        "evaluation/metrics",
        "figures",
    }
