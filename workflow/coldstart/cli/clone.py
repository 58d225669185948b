"""The clone that a command runs in: its settings, stores and pointers."""

import argparse
from pathlib import Path
from typing import Any

from coldstart.config.loading.yaml import read_yaml
from coldstart.running.settings import choose_stores
from coldstart.store import LayeredStore, Store
from coldstart.store.pointers import pointers

RESULTS = Path("results")
CONFIG = Path("config.yaml")


def settings() -> dict[str, Any]:
    """Read ``config.yaml`` of the current folder; an empty mapping if there is none."""
    return dict(read_yaml(CONFIG)) if CONFIG.is_file() else {}


def store_folders() -> tuple[Path, ...]:
    """The stores of this clone: COLDSTART_STORE, or else ``config.yaml``, or else results/store."""
    configured = settings().get("store", str(RESULTS / "store"))
    folders = [configured] if isinstance(configured, str) else map(str, configured)
    return choose_stores(None, folders)


def key_pointers() -> dict[str, list[str]]:
    """The pointer files of this clone, by the key that they name."""
    found: dict[str, list[str]] = {}
    for path, key in pointers(RESULTS, store_folders()):
        found.setdefault(key, []).append(str(path))
    return found


def chosen_store(arguments: argparse.Namespace) -> Store:
    """The store that ``--store`` names, or else the first store of this clone.

    Raises:
        ColdstartError: there is no such folder.
    """
    store = Store(arguments.store.expanduser() if arguments.store else store_folders()[0])
    store.require_folder()
    return store


def chosen_stores(arguments: argparse.Namespace) -> LayeredStore:
    """The store that ``--store`` names, or else all stores of this clone, its own first."""
    folders = (arguments.store.expanduser(),) if arguments.store else store_folders()
    return LayeredStore(*folders)
