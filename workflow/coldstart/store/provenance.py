"""Where and with what an artefact was made: recorded beside it, never part of its key."""

import getpass
import importlib.metadata
import os
import platform
import sys
from datetime import UTC, datetime
from typing import Any

PACKAGES = ("coldstart", "numpy", "scikit-learn", "torch")


def provenance() -> dict[str, Any]:
    """Who makes an artefact now, on which host, with which versions, CUDA and GPU.

    ``cuda`` and ``gpu`` are None unless this process has used a GPU: torch is never imported here,
    and CUDA never started, only to be asked.
    """
    cuda, gpu = _accelerator()
    return {
        "by": _user(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cuda": cuda,
        "gpu": gpu,
    }


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
