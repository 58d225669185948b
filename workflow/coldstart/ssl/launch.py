"""Starting the processes that train together on one machine, and ending with them."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import torch
from torch import distributed

from coldstart.common.errors import ColdstartError
from coldstart.running.job import TERMINATED
from coldstart.ssl.request import Request
from coldstart.training.resume import Termination

log = logging.getLogger("coldstart")

MISTAKE = "mistake.txt"
"""The file that holds the message of a ``ColdstartError`` which ended a process."""
PACKAGE = Path(__file__).parents[2]


def launch(processes: int, request: Request, device: torch.device) -> None:
    """Call ``train`` with this request in as many new processes, and wait for them.

    SIGTERM is handed on to them; all end when this process does, or when one of them fails.

    Args:
        processes: how many.
        request: what to train.
        device: of which kind each process takes one of its own; the CPU is shared.

    Raises:
        ColdstartError: that of a process which ended by one, or that one failed otherwise.
        SystemExit: 143, if they stopped on SIGTERM.
    """
    with tempfile.TemporaryDirectory(prefix="coldstart-") as name:
        folder = Path(name)
        request.write(folder)
        deterministic = torch.are_deterministic_algorithms_enabled()
        arguments = [str(folder), device.type, *(["--deterministic"] if deterministic else [])]
        with Termination() as termination, _running(processes, arguments) as workers:
            _wait(workers, termination, folder)
    if device.type == "cuda":
        # So that the record of this job names the GPU.
        torch.cuda.init()  # type: ignore[no-untyped-call]


@contextmanager
def _running(processes: int, arguments: Sequence[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the processes, tell each its rank as torchrun would, and leave none behind."""
    store = distributed.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", 0, is_master=True, wait_for_workers=False
    )
    path = os.pathsep.join([str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])])
    shared = {
        **os.environ,
        "PYTHONPATH": path,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store is ours, not the first process's
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": str(max(1, torch.get_num_threads() // processes)),
        # A notice that all parameters had a gradient, which they need not have (DINO).
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),
    }
    workers: list[subprocess.Popen[str]] = []
    readers = []
    try:
        for number in range(processes):
            worker = subprocess.Popen(
                [sys.executable, "-m", "coldstart.ssl.worker", *arguments],
                env=shared | {"RANK": str(number), "LOCAL_RANK": str(number)},
                stdin=subprocess.PIPE,  # it reads until this process ends
                stderr=subprocess.PIPE,
                text=True,
            )
            workers.append(worker)
            readers.append(threading.Thread(target=_relay, args=(worker.stderr,), daemon=True))
            readers[-1].start()
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        for reader in readers:
            reader.join(5)


def _relay(lines: IO[str]) -> None:
    for line in lines:
        log.info("%s", line.rstrip())


def _wait(workers: Sequence[subprocess.Popen[str]], termination: Termination, folder: Path) -> None:
    told = False
    while any(worker.poll() is None for worker in workers):
        if termination.requested and not told:
            told = True
            for worker in workers:
                worker.terminate()
        if any(worker.poll() not in (None, 0, TERMINATED) for worker in workers):
            break
        time.sleep(0.1)
    codes = [worker.poll() for worker in workers]
    if not any(codes):
        return
    if termination.requested or TERMINATED in codes:
        raise SystemExit(TERMINATED)
    if (folder / MISTAKE).exists():
        raise ColdstartError((folder / MISTAKE).read_text(encoding="utf-8"))
    number = next(at for at, code in enumerate(codes) if code)
    reason = "it was killed, most likely for memory" if codes[number] == -signal.SIGKILL else ""
    raise ColdstartError(
        f"process {number} of {len(workers)} that train together ended with exit code "
        f"{codes[number]}: {reason or 'its last lines are above'}."
    )
