"""GPUs of its own for each job on a machine with several: Snakemake only counts them."""

import fcntl
import logging
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

log = logging.getLogger("coldstart")


def devices() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip() not in {"", "-1"}]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"],
            check=True, capture_output=True, text=True, timeout=60,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.split()


@contextmanager
def hold_gpus(wanted: int) -> Iterator[None]:
    """Hold GPUs that no other job of this user holds, and let the process see no others.

    Waits while too many are held. A GPU is free again when its job ends, however it ends. Nothing
    is done where there is no choice, or where SLURM has made it.

    Args:
        wanted: GPUs that the job asked for; all are held where it asked for more than there are.
    """
    found = devices() if wanted and "SLURM_JOB_ID" not in os.environ else []
    if len(found) < 2:
        yield
        return
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    with ExitStack() as stack:
        names = _take(found, min(wanted, len(found)), stack)
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names)
        log.info("GPU %s", ", ".join(names))
        try:
            yield
        finally:
            if before is None:
                del os.environ["CUDA_VISIBLE_DEVICES"]
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _take(found: list[str], wanted: int, stack: ExitStack) -> list[str]:
    # Beside the machine's other temporary files: locks do not hold on a network file system.
    folder = Path(tempfile.gettempdir()) / f"coldstart-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        held: dict[str, IO[str]] = {}
        for name in found:
            file: IO[str] = (folder / name.replace("/", "_")).open("w")
            if len(held) < wanted and _lock(file):
                held[name] = file
            else:
                file.close()
        if len(held) == wanted:
            for file in held.values():
                stack.enter_context(file)
            return list(held)
        # All or none: two jobs that each hold some of what the other needs would wait for ever.
        for file in held.values():
            file.close()
        time.sleep(random.uniform(0.2, 0.8))


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
