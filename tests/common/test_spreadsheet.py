"""Cells that a spreadsheet runs are written as text, and every cell reads back."""

import csv
import io

import pandas as pd
import pytest

from coldstart.common.spreadsheet import csv_bytes
from coldstart.common.texts import plain_text, safe_path, safe_text

NAMES = ["=1+1", "+a", "-x", "@sum", "'=1", "''=1", "\t=1", "plain", "'quoted'", "a=b", ""]


def rows(table):
    return list(csv.DictReader(io.StringIO(csv_bytes(table).decode(), newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_no_cell_is_a_formula_and_all_are_read_back(name):
    table = pd.DataFrame({"path": [f"{name}.png"], "label": [name]})
    (row,) = rows(table)
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t"))
    assert row["path"].removeprefix("./") == f"{name}.png"
    assert plain_text(row["label"]) == name


@pytest.mark.parametrize("number", ["-1", "+1", "-.5", "-1e-3"])
def test_numbers_are_no_formulas(number):
    assert safe_text(number) == plain_text(number) == number


def test_a_path_stays_the_same_file():
    assert safe_path("-r.png") == "./-r.png"
    assert safe_path("a/-r.png") == "a/-r.png"


@pytest.mark.parametrize("break_", ["\r", "\n", "\r\n"])
def test_line_breaks_in_a_cell_do_not_split_its_row(break_):
    table = pd.DataFrame({"path": [f"a{break_}b.png", "c.png"], "score": [0.5, 1234567.0]})
    found = rows(table)
    assert [row["path"] for row in found] == [f"a{break_}b.png", "c.png"]
    assert [float(row["score"]) for row in found] == [0.5, 1.23457e6]


def test_missing_cells_are_empty_and_numbers_short():
    table = pd.DataFrame(
        {
            "rank": pd.array([1, None], dtype="Int64"),
            "score": [1 / 3, float("nan")],
            "label": [None, "cat"],
        }
    )
    assert csv_bytes(table) == b"rank,score,label\n1,0.333333,\n,,cat\n"
