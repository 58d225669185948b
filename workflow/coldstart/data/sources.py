"""Whether the files of a source are there, asked before any job starts."""

import importlib
from pathlib import Path


def missing_files(source: str, data_dir: Path) -> str | None:
    """What is missing, where it was looked for and what to do; None if nothing is.

    Args:
        source: the module of ``coldstart.data`` that reads it.
        data_dir: where image sets lie.
    """
    module = importlib.import_module(f"coldstart.data.{source}")
    message: str | None = module.missing(data_dir)
    return message
