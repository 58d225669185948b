"""docs/tutorial.md, followed step by step in a clone as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.clones import replace_text
from tests.helpers.pages import blocks

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/tutorial.md"


def change(clone, text):
    """Add an example to the file that its first line names, as a reader would."""
    name, text = re.fullmatch(r"# (\S+)\n(.*)", text, re.S).groups()
    file = clone.folder / name
    if name.startswith("workflow/recipes/"):
        text = f"{file.read_text()}\n{text}"
    else:
        assert not file.exists()
    file.write_text(text)


def edit(clone, text):
    """Apply a difference of lines to the file that its first line names."""
    name, lines = text.split("\n", 1)
    old, new = (re.findall(rf"^\{sign}(.*\n)", lines, re.M) for sign in "-+")
    replace_text(clone.folder / name.removeprefix("# "), "".join(old), "".join(new))


def run(clone, command):
    """Run one line of a shell, and return what it prints."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = os.environ | {"PATH": path, "PYTHONPATH": str(clone.folder / "workflow")}
    done = subprocess.run(
        ["bash", "-c", command], cwd=clone.folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def assert_shown(shown, printed):
    """Each line that the page shows is printed, in this order; fractions differ by machine."""
    words = [re.sub(r"\d+\.\d+", "0.0", line) for line in printed.splitlines()]
    for line in re.sub(r"\d+\.\d+", "0.0", shown).splitlines():
        assert line in words, f"{line}\nis not in\n{printed}"
        words = words[words.index(line) + 1 :]


def test_every_step_of_the_tutorial_works(fresh):
    replace_text(fresh.folder / "config.yaml", "scale: cpu", "scale: smoke")  # as many jobs
    for block in blocks(PAGE):
        if block.not_run:
            continue
        if block.language == "console":
            for command, shown in block.commands():
                assert_shown(shown, run(fresh, command))
        elif block.language == "diff":
            edit(fresh, block.text)
        else:
            change(fresh, block.text)
    assert (fresh.folder / "results/report.html").stat().st_size > 100_000
    numbers = (fresh.folder / "results/figures/tutorial/accuracy.csv").read_text()
    for sampler in ("random", "k-centre", "typiclust", "farthest", "min-margin"):
        assert f",{sampler},top-1,,160," in numbers
