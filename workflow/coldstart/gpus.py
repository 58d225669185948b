"""One GPU for each job on a machine with several, which Snakemake counts but does not hand out."""

import fcntl
import logging
import os
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
def one_gpu(wanted: int) -> Iterator[None]:
    """Hold a GPU that no other job of this user holds, and let the process see no other.

    Waits while all are held. A GPU is free again when its job ends, however it ends. Nothing is
    done where there is no choice, or where SLURM has made it.

    Args:
        wanted: GPUs that the job asked for; none is held for 0.
    """
    found = devices() if wanted and "SLURM_JOB_ID" not in os.environ else []
    if len(found) < 2:
        yield
        return
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    with ExitStack() as stack:
        os.environ["CUDA_VISIBLE_DEVICES"] = _take(found, stack)
        log.info("GPU %s", os.environ["CUDA_VISIBLE_DEVICES"])
        try:
            yield
        finally:
            if before is None:
                del os.environ["CUDA_VISIBLE_DEVICES"]
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _take(found: list[str], stack: ExitStack) -> str:
    # Beside the machine's other temporary files: locks do not hold on a network file system.
    folder = Path(tempfile.gettempdir()) / f"coldstart-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        for name in found:
            file = (folder / name.replace("/", "_")).open("w")
            if _lock(file):
                stack.enter_context(file)
                return name
            file.close()
        time.sleep(0.5)


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
