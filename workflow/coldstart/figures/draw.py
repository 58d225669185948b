"""Figures and tables of a study, each written with its numbers."""

from pathlib import Path
from typing import Any

import pandas as pd

from coldstart.common.atomic import replacing
from coldstart.common.spreadsheet import csv_bytes
from coldstart.config.recipes.targets import FIGURES, TABLES
from coldstart.figures.data import Shown
from coldstart.figures.page import write_page
from coldstart.figures.style import save, styled
from coldstart.running.outputs import write_output
from coldstart.store import Store


def draw_figure(snakemake: Any, store: Store) -> None:
    """Draw a figure as SVG, PDF and PNG, and write its numbers as CSV."""
    params = snakemake.params.target
    target = FIGURES.adapter().validate_python(params["target"])
    shown = Shown.gather(params["keys"], params["runs"], params["published"], store)
    with styled():
        figure, numbers = FIGURES.load(target).draw(shown, target)
        for path in map(Path, snakemake.output):
            if path.suffix == ".csv":
                write_csv(numbers, path)
            else:
                save(figure, path)


def write_table(snakemake: Any, store: Store) -> None:
    """Write a table as CSV, and as a page for the report: the kind's own, if it has one."""
    params = snakemake.params.target
    target = TABLES.adapter().validate_python(params["target"])
    shown = Shown.gather(params["keys"], params["runs"], params["published"], store)
    kind = TABLES.load(target)
    table = kind.tabulate(shown, target)
    for path in map(Path, snakemake.output):
        if path.suffix == ".csv":
            write_csv(table, path)
        elif hasattr(kind, "html"):
            with replacing(path) as temporary:
                temporary.write_text(kind.html(table, shown, target), "utf-8")
        else:
            write_page(table, target.title, path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table atomically, numbers with six significant digits; edits by hand are kept."""
    write_output(path, csv_bytes(table), strict=False)
