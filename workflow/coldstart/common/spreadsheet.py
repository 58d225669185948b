"""Tables as CSV that a spreadsheet opens without running anything, and that reads back the same."""

import csv
from typing import Literal

import pandas as pd

from coldstart.common.texts import safe_path, safe_text

PATHS = "path"
"""The column whose cells are paths: ``./=a.png`` is the same file as ``=a.png``."""


def csv_bytes(table: pd.DataFrame) -> bytes:
    """The CSV of a table in UTF-8, numbers with six significant digits."""
    safe = table.copy()
    broken = False
    for column in safe.columns:
        cells = safe[column]
        if not (pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells)):
            continue
        escape = safe_path if column == PATHS else safe_text
        # Over plain objects, so that a missing cell stays missing.
        written = [escape(cell) if isinstance(cell, str) else cell for cell in cells.astype(object)]
        broken |= any("\r" in cell for cell in written if isinstance(cell, str))
        safe[column] = pd.Series(written, index=safe.index, dtype=object)
    # The csv module quotes a carriage return only since Python 3.13.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if broken else csv.QUOTE_MINIMAL
    text: str = safe.to_csv(None, index=False, float_format="%.6g", quoting=quoting)
    return text.encode()
