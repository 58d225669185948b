"""The place, time and versions of the making of an artefact: never a part of its key."""

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
    """Who makes an artefact now, on which host, from which commit, with which versions and GPU.

    ``cuda`` and ``gpu`` are None unless this process has used a GPU: torch is never imported here,
    and CUDA never started, only to be asked.
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
    """Find out the commit of the clone ``root`` for every process that this one starts.

    Once, where a run starts: a cluster's nodes need no git. With ``-dirty`` at its end, files that
    git knows differ from it.
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
