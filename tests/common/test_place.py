"""Folders in which no clone works are refused with a message; no part of a name is executed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coldstart.common.place import complaint, strange_characters

ROOT = Path(__file__).parents[2]
STRANGE = [
    "My Drive", "dol$(touch PWNED)lar", "it's", 'say "a"', "a&b", "a;b", "(a)", "a*", "a\\b",
    "{x}", "a|b", "a<b", "`touch PWNED`", "a#b", "a:b", "a!b", "a?b", "[a]", "tab\tbed", "$HOME",
]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_setup_refuses_a_strange_path_before_it_installs(tmp_path, name):
    folder = tmp_path / name
    (folder / "workflow/coldstart/common").mkdir(parents=True)
    (folder / "envs").mkdir()
    shutil.copy(ROOT / "workflow/coldstart/common/place.py", folder / "workflow/coldstart/common")
    for file in ("Makefile", "pyproject.toml", *map(str, ROOT.glob("envs/*.lock"))):
        shutil.copy(ROOT / file, folder / Path(file).relative_to(ROOT) if "/" in file else folder)
    done = subprocess.run(
        ["make", "setup", f"PYTHON={sys.executable}"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "Coldstart cannot work in" in done.stderr
    assert "Move the clone" in done.stderr
    assert not (folder / ".venv").exists()
    assert not list(tmp_path.rglob("PWNED"))


@pytest.mark.parametrize("name", ["é", "日本", "a-b_c.d", "a+b", "user@host", "50%", "a,b", "x=y"])
def test_plain_path_is_accepted_and_the_shell_leaves_it(tmp_path, name):
    assert complaint(f"/{name}") == ""
    folder = tmp_path / name
    folder.mkdir()
    script = folder / "say"
    script.write_text("#!/bin/sh\necho said\n")
    script.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail; {script} 'x'"], capture_output=True, text=True
    )
    assert done.stdout == "said\n", done.stderr


def test_every_strange_character_is_named():
    assert strange_characters("/a b$c b") == " $"
    assert os.sep not in strange_characters("/a/b")


def test_clean_removes_what_make_and_its_tools_made_and_nothing_else(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    made = [".venv/a", ".snakemake/log", ".ruff_cache/a", "workflow/coldstart/__pycache__/a.pyc",
            "workflow/coldstart.egg-info/PKG-INFO"]  # fmt: skip
    mine = ["build/thesis.pdf", "data/__pycache__/a.pyc", "results/own/ranking.csv", "notes.txt",
            "tests/a.py", "envs/requirements.lock"]  # fmt: skip
    for name in made + mine:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {*mine, "Makefile"}
