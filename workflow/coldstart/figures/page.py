"""A table as a page that a browser shows, as the report does."""

import html
from pathlib import Path

import pandas as pd

from coldstart.common.atomic import replacing

ROWS = 1000
"""More than these are for programs to read, from the CSV beside the page."""

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ margin: 2rem; font: 15px/1.45 system-ui, sans-serif; color: #222 }}
h1 {{ font-size: 1.2rem; font-weight: 600 }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
th {{ position: sticky; top: 0; background: #fff; text-align: left; border-bottom: 2px solid #222 }}
th, td {{ padding: 0.25rem 0.9rem 0.25rem 0; vertical-align: top }}
td {{ border-bottom: 1px solid #ddd }}
</style>
<h1>{title}</h1>
{table}
<p>{note}</p>
</html>
"""


def write_page(table: pd.DataFrame, title: str, path: Path) -> None:
    """Write a table atomically as HTML, numbers with four significant digits."""
    with pd.option_context("display.max_colwidth", None):  # or pandas cuts long sentences
        body = table.head(ROWS).to_html(
            index=False, border=0, na_rep="", float_format=lambda value: f"{value:.4g}"
        )
    note = f"The first {ROWS:,} of {len(table):,} rows." if len(table) > ROWS else ""
    page = PAGE.format(title=html.escape(title), table=body, note=note)
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8")
