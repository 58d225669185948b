"""The provenance of an artefact: by whom, where, when and with which versions it was made.

It is recorded in the manifest and never part of the key.
"""

import contextlib
import getpass
import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

COMMIT = "COLDSTART_COMMIT"
"""The environment variable that tells a run's jobs the commit of the clone."""

PACKAGES = ("coldstart", "numpy", "scikit-learn", "torch")


def provenance() -> dict[str, Any]:
    """Return the provenance of an artefact that this process makes now.

    ``cuda`` and ``gpu`` are None unless this process has used a GPU: neither is torch imported nor
    CUDA started just to find them out.
    """
    cuda, gpu = _accelerator()
    return {
        "by": _user(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "commit": os.environ.get(COMMIT) or None,
        "packages": {name: _version(name) for name in PACKAGES},
        "cuda": cuda,
        "gpu": gpu,
    }


def export_commit(root: Path) -> None:
    """Set ``COMMIT`` to the commit of the clone ``root``, for every process that this one starts.

    It is found once, where a run starts, so that a cluster's nodes need no git. It ends in
    ``-dirty`` if tracked files differ from the commit.
    """
    if COMMIT in os.environ:
        return
    commit = ""
    if (root / ".git").exists():  # not the commit of a repository that the clone happens to lie in
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            commit = subprocess.run(
                ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
                cwd=root, capture_output=True, text=True, check=True, timeout=10,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            ).stdout.strip()  # fmt: skip
    os.environ[COMMIT] = commit


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without an account
        return str(os.getuid())


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # used from a clone, without being installed
        return None


def _accelerator() -> tuple[str | None, str | None]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None, None
    return torch.version.cuda, torch.cuda.get_device_name()
