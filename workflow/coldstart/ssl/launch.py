"""Starting the processes that train together on one machine, and ending with them."""

import json
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

import numpy as np
import torch
from torch import distributed

from coldstart.config.encoders import Trained
from coldstart.errors import ColdstartError
from coldstart.jobs import TERMINATED
from coldstart.ssl.images import Images
from coldstart.ssl.method import Inputs
from coldstart.ssl.resume import Keeper, Termination
from coldstart.ssl.start import Start

log = logging.getLogger("coldstart")

MISTAKE = "mistake.txt"
"""The file that holds the message of a ``ColdstartError`` which ended a process."""
PACKAGE = Path(__file__).parents[2]


def launch(
    processes: int,
    images: Images,
    recipe: Trained,
    inputs: Inputs,
    seed: int,
    device: torch.device,
    keeper: Keeper | None,
    out: Path,
    on_gpu: float,
    start: Start | None = None,
) -> None:
    """Call ``train`` with these arguments in as many new processes, and wait for them.

    SIGTERM is handed on to them; all end when this process does, or when one of them fails.

    Raises:
        ColdstartError: that of a process which ended by one, or that one failed otherwise.
        SystemExit: 143, if they stopped on SIGTERM.
    """
    with tempfile.TemporaryDirectory(prefix="coldstart-") as name:
        folder = Path(name)
        file = getattr(images.array, "filename", None)  # of a memory map
        if file is None:
            file = folder / "images.npy"
            np.save(file, images.array)
        np.save(folder / "rows.npy", images.rows)
        request = {
            "images": str(file),
            "recipe": recipe.model_dump(),
            "shape": [inputs.height, inputs.width, inputs.channels],
            "mean": inputs.mean.tolist(),
            "std": inputs.std.tolist(),
            "seed": seed,
            "device": device.type,
            "resume": str(keeper.folder.absolute()) if keeper else None,
            "training": keeper.training if keeper else None,
            "out": str(out.absolute()),
            "on_gpu": on_gpu,
            "start": start.described() if start else None,
            "deterministic": torch.are_deterministic_algorithms_enabled(),
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        with Termination() as termination, _running(processes, folder) as workers:
            _wait(workers, termination, folder)
    if device.type == "cuda":
        # So that the record of this job names the GPU.
        torch.cuda.init()  # type: ignore[no-untyped-call]


@contextmanager
def _running(processes: int, folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
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
                [sys.executable, "-m", "coldstart.ssl.worker", str(folder)],
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
