"""The pages: short where they are to be, true where they come from the code, and tried."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pages import PAGES, ROOT, blocks

COMMAND = re.compile(
    r"^(\$ )?(snakemake|coldstart|make|python|export|source|pip|git|cd|tar|mkdir) ", re.M
)
SHELLS = {"sh", "console"}
RUNNER = re.compile(r"tests/\S+?\.py|\.ci/run")


def shown(path):
    return str(path.relative_to(ROOT))


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 90


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_block_of_commands_names_its_language(page):
    for block in blocks(page):
        if not block.language:
            assert not COMMAND.search(block.text), block.text


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_commands_are_run_by_a_test_or_say_why_not(page):
    """A comment above a block names the tests that run it, or the reason why none does."""
    for block in blocks(page):
        if block.language in SHELLS and not block.not_run:
            assert block.mark.startswith("run by "), f"{page.name}: {block.text}"
            names = RUNNER.findall(block.mark)
            assert names
            assert all((ROOT / name).is_file() for name in names), block.mark


def test_no_command_stands_in_an_indented_block():
    """Such a block has no language and no comment above it."""
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.S | re.M)
        assert not re.search(rf"^ {{4}}{COMMAND.pattern[1:]}", text, re.M), page


def test_tables_that_come_from_the_code_are_up_to_date(tmp_path):
    """`make docs` writes them."""
    before = {page: page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md")}
    for page, text in before.items():
        (tmp_path / page.name).write_text(text, "utf-8")
    done = subprocess.run(
        [sys.executable, ROOT / "docs/tables.py", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "", "python docs/tables.py"


@pytest.mark.slow
def test_site_is_built_without_a_dead_link(tmp_path):
    done = subprocess.run(
        [
            Path(sys.executable).parent / "sphinx-build", "--quiet", "--fail-on-warning",
            "--keep-going", "--builder", "dirhtml", "--conf-dir", "docs", ".", tmp_path,
        ],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        name = page.relative_to(ROOT).with_suffix("")
        assert (tmp_path / name / "index.html").is_file() or name.name == "index"
